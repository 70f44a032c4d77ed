package dev.jev;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Counts of the requests of one connection, or of several.
 *
 * <p>Written by one thread at a time, without atomic operations; read by any thread.
 */
final class RequestCounts {

  private static final int ASKED = 0;
  private static final int ANSWERED = 1;
  private static final int TIMED_OUT = 2;
  private static final int LATE = 3;
  private static final int LATENCY_NANOS = 4;
  private static final int COUNTS = 5;

  private final AtomicLongArray counts = new AtomicLongArray(COUNTS);

  private void add(int count, long value) {
    counts.setOpaque(count, counts.getPlain(count) + value);
  }

  void countAsked() {
    add(ASKED, 1);
  }

  void countAnswered(long latencyNanos) {
    add(ANSWERED, 1);
    add(LATENCY_NANOS, latencyNanos);
  }

  void countTimedOut() {
    add(TIMED_OUT, 1);
  }

  void countLate() {
    add(LATE, 1);
  }

  /** Adds the counts of another instance. */
  void addAll(RequestCounts other) {
    for (int i = 0; i < COUNTS; i++) {
      add(i, other.counts.getOpaque(i));
    }
  }

  long asked() {
    return counts.getOpaque(ASKED);
  }

  long answered() {
    return counts.getOpaque(ANSWERED);
  }

  long timedOut() {
    return counts.getOpaque(TIMED_OUT);
  }

  long late() {
    return counts.getOpaque(LATE);
  }

  long latencyNanos() {
    return counts.getOpaque(LATENCY_NANOS);
  }
}
