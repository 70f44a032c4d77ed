package dev.jev.plugin;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A rate in bytes per second, given out in the order of requests.
 *
 * <p>Each request reserves the time at which its bytes may be moved, and the next request gets a
 * later time. So there is nothing to refill, and the state is a single number.
 *
 * <p><b>Threads.</b> Any.
 */
final class ByteRate {

  /** A rate that never causes a delay: a byte takes 0 ns. */
  static final long UNLIMITED = 1L << 50;

  /** Unused time that may be made up for, so that late timers do not lower the rate. */
  private static final long CREDIT_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private final long bytesPerSecond;
  private final AtomicLong next; // the first time that is not reserved

  ByteRate(long bytesPerSecond) {
    this.bytesPerSecond = bytesPerSecond;
    this.next = new AtomicLong(System.nanoTime() - CREDIT_NANOS);
  }

  /**
   * Reserves the time for {@code bytes} and returns when they may be moved, which may be in the
   * past.
   */
  long reserve(int bytes, long now) {
    long cost = nanos(bytes);
    return next.updateAndGet(time -> max(time, now - CREDIT_NANOS) + cost) - cost;
  }

  /** Returns the time that {@code bytes} take, in nanoseconds. */
  long nanos(int bytes) {
    return TimeUnit.SECONDS.toNanos(bytes) / bytesPerSecond;
  }

  private static long max(long time, long other) {
    return time - other > 0 ? time : other;
  }
}
