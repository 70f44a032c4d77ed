package dev.jev;

import java.util.concurrent.atomic.LongAdder;

/** The counters of a topic, see {@link Topic.Counts}. Any thread. */
final class TopicCounters {

  private final LongAdder published = new LongAdder();
  private final LongAdder delivered = new LongAdder();
  private final LongAdder dropped = new LongAdder();
  private final LongAdder conflated = new LongAdder();
  private final LongAdder closed = new LongAdder();

  void published() {
    published.increment();
  }

  void delivered(int messages) {
    delivered.add(messages);
  }

  void dropped(int messages) {
    dropped.add(messages);
  }

  void conflated() {
    conflated.increment();
  }

  void closedAsSlow() {
    closed.increment();
  }

  Topic.Counts counts() {
    return new Topic.Counts(
        published.sum(), delivered.sum(), dropped.sum(), conflated.sum(), closed.sum());
  }
}
