package dev.jev.plugin;

/**
 * A token bucket, with a rate in units per second.
 *
 * <p>The state of a bucket is one number, {@code paidUntil}: the time at which everything that was
 * taken is paid for, which may lie ahead. It is a field of the bucket's user, so this record only
 * does the arithmetic.
 *
 * @param perSecond the number of units that are added per second
 * @param burst the maximum number of units in the bucket
 */
record TokenBucket(int perSecond, int burst) {

  private static final long SECOND_NANOS = 1_000_000_000;

  static TokenBucket of(int perSecond, int burst) {
    return new TokenBucket(
        Checks.inRange("perSecond", perSecond, 1, 1 << 30),
        Checks.inRange("burst", burst, 1, 1 << 30));
  }

  /** Returns the {@code paidUntil} of a full bucket. */
  long full(long now) {
    return now - nanos(burst);
  }

  /** Takes units, whether they are available or not; returns the new {@code paidUntil}. */
  long take(int units, long paidUntil, long now) {
    return now + Math.max(paidUntil - now, -nanos(burst)) + nanos(units);
  }

  /** Returns whether more was taken than was available. */
  boolean isExceeded(long paidUntil, long now) {
    return paidUntil - now > 0;
  }

  /** Returns the nanoseconds until {@code units} are available; 0 or less if they are. */
  long delay(int units, long paidUntil, long now) {
    return paidUntil + nanos(units) - now;
  }

  private long nanos(int units) {
    return units * SECOND_NANOS / perSecond;
  }
}
