package dev.jev.samples.push;

import dev.jev.nodes.MessageCodec;
import dev.jev.nodes.NodeTopic;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.TopicKind;
import java.time.Duration;

/**
 * The drawing: a log of strokes. A new page reads all of it.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
final class PushDrawing {

  static final String TOPIC = "drawing";

  /** Kind of the topic. A message is a part of a stroke; new pages no longer get older ones. */
  static final TopicKind<String> KIND =
      TopicKind.log(MessageCodec.json(), /* messages= */ 5_000, Duration.ofDays(30));

  private final NodeTopic<String> topic;

  PushDrawing(Nodes nodes) {
    this.topic = nodes.topic(TOPIC, KIND);
  }

  /** Publishes a part of a stroke. */
  void draw(String stroke) {
    topic.publish(stroke);
  }

  /** Publishes that the board is empty. */
  void clear(String cleared) {
    topic.publish(cleared);
  }
}
