package dev.jev.nodes;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** The events that a node emits to Java Flight Recorder. */
final class NodeFlightEvents {

  private NodeFlightEvents() {}

  @Name("jev.TopicInterrupted")
  @Label("Topic Interrupted")
  @Category("Jev")
  @StackTrace(false)
  static final class TopicInterrupted extends Event {

    @Label("Topic")
    final String topic;

    TopicInterrupted(String topic) {
      this.topic = topic;
    }
  }

  /** A read of the engine after a hole; its duration is that of the read and the delivery. */
  @Name("jev.TopicRepaired")
  @Label("Topic Repaired")
  @Category("Jev")
  @StackTrace(false)
  static final class TopicRepaired extends Event {

    @Label("Topic")
    final String topic;

    @Label("Messages")
    long messages;

    TopicRepaired(String topic) {
      this.topic = topic;
    }
  }

  @Name("jev.TopicGap")
  @Label("Topic Gap")
  @Category("Jev")
  @StackTrace(false)
  static final class TopicGap extends Event {

    @Label("Topic")
    final String topic;

    @Label("From")
    final String from;

    @Label("To")
    final String to;

    TopicGap(String topic, String from, String to) {
      this.topic = topic;
      this.from = from;
      this.to = to;
    }
  }

  @Name("jev.TopicDiverged")
  @Label("Topic Diverged")
  @Category("Jev")
  @StackTrace(false)
  static final class TopicDiverged extends Event {

    @Label("Topic")
    final String topic;

    @Label("Records")
    final int records;

    TopicDiverged(String topic, int records) {
      this.topic = topic;
      this.records = records;
    }
  }
}
