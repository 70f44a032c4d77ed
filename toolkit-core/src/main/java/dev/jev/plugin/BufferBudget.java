package dev.jev.plugin;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The number of buffered bytes of all connections, with a limit.
 *
 * <p>The connections that buffer the most are found without a list of all connections. The budget
 * keeps the total bytes per size class; sizes in one class differ by less than a factor of two. A
 * connection asks whether the connections in larger size classes can make up for the excess without
 * it.
 *
 * <p><b>Threads.</b> Any.
 */
final class BufferBudget {

  private volatile long limit;
  private final AtomicLong total = new AtomicLong();
  private final AtomicLongArray bytesBySize = new AtomicLongArray(Long.SIZE + 1);

  BufferBudget(long limit) {
    this.limit = limit;
  }

  /** Sets the limit. */
  void limit(long limit) {
    this.limit = limit;
  }

  long total() {
    return total.get();
  }

  /** Records that a connection with {@code before} buffered bytes now has {@code after}. */
  void change(long before, long after) {
    if (before != after) {
      bytesBySize.addAndGet(sizeClass(before), -before);
      bytesBySize.addAndGet(sizeClass(after), after);
      total.addAndGet(after - before);
    }
  }

  /** Returns whether a connection with this many buffered bytes should stop reading. */
  boolean shouldPause(long buffered) {
    long all = total();
    return isAmongLargest(buffered, all - percent(80)) || (all > limit && buffered > 0);
  }

  /** Returns whether a connection with this many buffered bytes should be closed. */
  boolean shouldClose(long buffered) {
    return isAmongLargest(buffered, total() - percent(95));
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

  /** Returns the message for a connection that is closed because of the budget. */
  String exceeded(int percent, long buffered) {
    return percent
        + " % of the buffer budget of "
        + limit
        + " bytes exceeded: "
        + total()
        + " bytes buffered, "
        + buffered
        + " of them by this connection";
  }

  private long percent(int percent) {
    return limit / 100 * percent + limit % 100 * percent / 100;
  }

  private static int sizeClass(long bytes) {
    return Long.SIZE - Long.numberOfLeadingZeros(bytes);
  }
}
