package dev.jev.metrics;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The counters of one listener on one event loop.
 *
 * <p>The event loop writes them without an atomic operation, and any thread may read them.
 */
final class LoopCounters {

  private final AtomicLongArray values = new AtomicLongArray(Count.SIZE);

  /** Adds to a counter. Event loop only. */
  void add(int count, long change) {
    values.lazySet(count, values.getPlain(count) + change);
  }

  /** Adds the counters of an event loop that has ended; returns true. */
  boolean addAll(LoopCounters ended) {
    for (int i = 0; i < Count.SIZE; i++) {
      add(i, ended.get(i));
    }
    return true;
  }

  /** Returns a counter. Any thread. */
  long get(int count) {
    return values.get(count);
  }
}
