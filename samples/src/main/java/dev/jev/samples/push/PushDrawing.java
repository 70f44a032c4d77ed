package dev.jev.samples.push;

import dev.jev.nodes.MessageCodec;
import dev.jev.nodes.NodeTopic;
import dev.jev.nodes.Nodes;
import dev.jev.nodes.Position;
import dev.jev.nodes.Receipt;
import dev.jev.nodes.TopicKind;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.UUID;
import java.util.concurrent.CompletionStage;

/**
 * The drawing: a log of strokes, and the position at which a new page begins to read it.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
final class PushDrawing {

  static final String TOPIC = "drawing";

  /** Maximum number of points that a new page reads, about: a quarter of a megabyte of JSON. */
  static final int MAX_POINTS = 20_000;

  /** Kind of the topic. Each message has a point, so that the log reaches back far enough. */
  static final TopicKind<String> KIND =
      TopicKind.log(MessageCodec.json(), 2 * MAX_POINTS, Duration.ofDays(365));

  private static final int POINTS_PER_MARK = 1_000;

  /** A position, with the number of points that were drawn before it. */
  private record Mark(Position position, long points) {}

  private final NodeTopic<String> topic;
  private final String id = UUID.randomUUID().toString();

  // Guarded by this.
  private final Deque<Mark> marks = new ArrayDeque<>(); // since the board was empty
  private long points;

  PushDrawing(Nodes nodes) {
    this.topic = nodes.topic(TOPIC, KIND);
  }

  /** Publishes a part of a stroke. */
  CompletionStage<Void> draw(String stroke, int points) {
    return topic.publish(stroke).thenAccept(receipt -> drawn(receipt, points));
  }

  private synchronized void drawn(Receipt receipt, int added) {
    Position position = receipt.position();
    if (position == null) {
      return;
    }
    points += added;
    if (points - marks.getLast().points() >= POINTS_PER_MARK) {
      marks.add(new Mark(position, points));
    }
    while (marks.size() > 1 && points - marks.getFirst().points() > MAX_POINTS) {
      marks.removeFirst();
    }
  }

  /** Publishes that the board is empty. The stage completes when new pages begin there. */
  CompletionStage<Void> clear(String cleared) {
    return topic.publish(cleared).thenAccept(this::cleared);
  }

  private synchronized void cleared(Receipt receipt) {
    Position position = receipt.position();
    if (position != null) {
      marks.clear();
      marks.add(new Mark(position, points));
    }
  }

  /** Returns the beginning of the drawing for a new page. */
  synchronized PushEvent.Drawing begin() {
    return new PushEvent.Drawing(id, marks.getFirst().position().toString());
  }
}
