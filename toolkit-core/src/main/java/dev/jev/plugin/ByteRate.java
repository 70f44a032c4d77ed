package dev.jev.plugin;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * So many bytes a second, given out in the order in which they are asked for.
 *
 * <p>Whoever wants to move some bytes gets the time at which it may, and the next one a later time.
 * So there is nothing to refill, and one number is all the state. May be used by any thread.
 */
final class ByteRate {

  /** A rate that never makes anybody wait: a byte costs no nanosecond. */
  static final long UNLIMITED = 1L << 50;

  /** How long what was not used may be made up for, so that late timers do not cost rate. */
  private static final long CREDIT_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private final long bytesPerSecond;
  private final AtomicLong next; // the first time that is not taken

  ByteRate(long bytesPerSecond) {
    this.bytesPerSecond = bytesPerSecond;
    this.next = new AtomicLong(System.nanoTime() - CREDIT_NANOS);
  }

  /** Returns when so many bytes may be moved, which may be in the past. */
  long reserve(int bytes, long now) {
    long cost = nanos(bytes);
    return next.updateAndGet(time -> max(time, now - CREDIT_NANOS) + cost) - cost;
  }

  /** How long so many bytes take. */
  long nanos(int bytes) {
    return TimeUnit.SECONDS.toNanos(bytes) / bytesPerSecond;
  }

  private static long max(long time, long other) {
    return time - other > 0 ? time : other;
  }
}
