package dev.jev.plugin;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * How many bytes all connections hold together, and which of them hold the most.
 *
 * <p>The heaviest are found without a list of all: for each size, to within a factor of two, the
 * bytes of the connections of that size are known. A connection asks whether those that are heavier
 * can make up for the excess without it.
 *
 * <p><b>Threads.</b> Any.
 */
final class BufferBudget {

  private final long limit;
  private final long pauseThreshold;
  private final long closeThreshold;
  private final AtomicLong total = new AtomicLong();
  private final AtomicLongArray bytesBySize = new AtomicLongArray(Long.SIZE + 1);

  BufferBudget(long limit) {
    this.limit = limit;
    this.pauseThreshold = limit - limit / 5;
    this.closeThreshold = limit - limit / 20;
  }

  long total() {
    return total.get();
  }

  /** Notes that a connection that held {@code before} bytes holds {@code after}. */
  void change(long before, long after) {
    if (before != after) {
      bytesBySize.addAndGet(sizeClass(before), -before);
      bytesBySize.addAndGet(sizeClass(after), after);
      total.addAndGet(after - before);
    }
  }

  /** Whether a connection that holds so much should hold no more. */
  boolean shouldPause(long buffered) {
    return isAmongLargest(buffered, total() - pauseThreshold);
  }

  /** Whether a connection that holds so much should go. */
  boolean shouldClose(long buffered) {
    return isAmongLargest(buffered, total() - closeThreshold);
  }

  private boolean isAmongLargest(long buffered, long excess) {
    if (excess <= 0 || buffered == 0) {
      return false;
    }
    long larger = 0;
    for (int sizeClass = Long.SIZE; sizeClass > sizeClass(buffered); sizeClass--) {
      larger += bytesBySize.get(sizeClass);
    }
    return larger < excess;
  }

  /** Reports the budget for a connection that has to go. */
  String describe(long buffered) {
    return "95 % of the buffer budget of "
        + limit
        + " bytes exceeded: "
        + total()
        + " bytes buffered, "
        + buffered
        + " of them by this connection";
  }

  private static int sizeClass(long bytes) {
    return Long.SIZE - Long.numberOfLeadingZeros(bytes);
  }
}
