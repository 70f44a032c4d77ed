package dev.jev.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.nodes.Backplane;
import dev.jev.nodes.MessageCodec;
import dev.jev.nodes.NodeTopic;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.Receipt.Outcome;
import dev.jev.nodes.TopicKind;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class NodesMetricsTest {

  private static final TopicKind<String> LOG =
      TopicKind.log(MessageCodec.utf8(), 100, Duration.ofMinutes(1));
  private static final TopicKind<String> EVENTS = TopicKind.events(MessageCodec.utf8());

  @AutoClose private final Backplane engine = Backplane.inProcess();
  private final Nodes first = Nodes.builder(engine).name("first").build();
  private final Nodes second = Nodes.builder(engine).name("second").build();
  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();

  private static Outcome publish(Nodes node, String topic, TopicKind<String> kind) {
    NodeTopic<String> published = node.topic(topic, kind);
    return published.publish("message").toCompletableFuture().join().outcome();
  }

  private double published(String node, String outcome) {
    return registry
        .get("jev.nodes.published")
        .tags("node", node, "outcome", outcome)
        .functionCounter()
        .count();
  }

  private double up(String node) {
    return registry.get("jev.nodes.up").tag("node", node).gauge().value();
  }

  @Test
  void nodesAreMeasuredByTheirTags() {
    new NodesMetrics(first, Tags.of("node", "first")).bindTo(registry);
    new NodesMetrics(second, Tags.of("node", "second")).bindTo(registry);
    assertThat(up("first")).isZero();
    assertThat(publish(first, "too early", LOG)).isEqualTo(Outcome.REFUSED);
    first.start();
    second.start();
    assertThat(up("first")).isOne();
    assertThat(publish(first, "a", LOG)).isEqualTo(Outcome.STORED);
    assertThat(publish(first, "a", LOG)).isEqualTo(Outcome.STORED);
    assertThat(publish(second, "b", EVENTS)).isEqualTo(Outcome.SENT);
    assertThat(published("first", "stored")).isEqualTo(2);
    assertThat(published("first", "refused")).isOne();
    assertThat(published("second", "stored")).isZero();
    assertThat(published("second", "sent")).isOne();
    first.stop();
    second.stop();
    assertThat(up("first")).isZero();
  }
}
