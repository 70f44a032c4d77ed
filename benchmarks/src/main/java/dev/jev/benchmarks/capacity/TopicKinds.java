package dev.jev.benchmarks.capacity;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.nodes.MessageCodec;
import dev.jev.nodes.TopicKind;
import java.time.Duration;

/** The kinds of topics, which the first part of a topic's name tells: {@code log:17}. */
final class TopicKinds {

  private static final Duration AGE = Duration.ofMinutes(10);

  private static final TopicKind<String> EVENTS = TopicKind.events(MessageCodec.json());
  private static final TopicKind<String> LATEST = TopicKind.latest(MessageCodec.json(), AGE);
  private static final TopicKind<String> LOG = TopicKind.log(MessageCodec.json(), 100, AGE);

  private TopicKinds() {}

  static TopicKind<String> of(String topic) {
    String kind = topic.substring(0, Math.max(topic.indexOf(':'), 0));
    return switch (kind) {
      case "events" -> EVENTS;
      case "latest" -> LATEST;
      case "log" -> LOG;
      default ->
          throw new BenchmarkException("topic: " + topic + " (expected: events:, latest: or log:)");
    };
  }
}
