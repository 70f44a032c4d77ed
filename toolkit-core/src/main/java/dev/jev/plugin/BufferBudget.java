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

  private final long bytes;
  private final long high;
  private final long highest;
  private final AtomicLong total = new AtomicLong();
  private final AtomicLongArray bySize = new AtomicLongArray(Long.SIZE + 1);

  BufferBudget(long bytes) {
    this.bytes = bytes;
    this.high = bytes - bytes / 5;
    this.highest = bytes - bytes / 20;
  }

  long total() {
    return total.get();
  }

  /** Notes that a connection that held {@code before} bytes holds {@code after}. */
  void change(long before, long after) {
    if (before != after) {
      bySize.addAndGet(size(before), -before);
      bySize.addAndGet(size(after), after);
      total.addAndGet(after - before);
    }
  }

  /** Whether a connection that holds so much should hold no more. */
  boolean isTooHeavyToGrow(long held) {
    return isAmongHeaviest(held, total() - high);
  }

  /** Whether a connection that holds so much should go. */
  boolean isTooHeavyToStay(long held) {
    return isAmongHeaviest(held, total() - highest);
  }

  private boolean isAmongHeaviest(long held, long excess) {
    if (excess <= 0 || held == 0) {
      return false;
    }
    long heavier = 0;
    for (int size = Long.SIZE; size > size(held); size--) {
      heavier += bySize.get(size);
    }
    return heavier < excess;
  }

  /** Reports the budget for a connection that has to go. */
  String describe(long held) {
    return total() + " (expected: <= 95 % of " + bytes + "), " + held + " of one connection";
  }

  private static int size(long bytes) {
    return Long.SIZE - Long.numberOfLeadingZeros(bytes);
  }
}
