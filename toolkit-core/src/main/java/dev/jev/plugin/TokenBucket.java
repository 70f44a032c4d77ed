package dev.jev.plugin;

/**
 * A token bucket: so many units a second, and so many at once.
 *
 * <p>What has been taken is one number, {@code paidUntil}: the time at which it is all paid for,
 * which may lie ahead. So a bucket is a field of whoever needs one, and this is arithmetic.
 *
 * @param perSecond how many units come each second
 * @param burst how many units there are at most
 */
record TokenBucket(int perSecond, int burst) {

  private static final long SECOND_NANOS = 1_000_000_000;

  static TokenBucket of(int perSecond, int burst) {
    return new TokenBucket(
        Checks.inRange("perSecond", perSecond, 1, 1 << 30),
        Checks.inRange("burst", burst, 1, 1 << 30));
  }

  /** The {@code paidUntil} of a full bucket. */
  long full(long now) {
    return now - nanos(burst);
  }

  /** Takes units, whether they are there or not; returns the new {@code paidUntil}. */
  long take(int units, long paidUntil, long now) {
    return now + Math.max(paidUntil - now, -nanos(burst)) + nanos(units);
  }

  /** Whether more has been taken than there was. */
  boolean isExceeded(long paidUntil, long now) {
    return paidUntil - now > 0;
  }

  /** In how many nanoseconds there are so many units; 0 or less if they are there. */
  long delay(int units, long paidUntil, long now) {
    return paidUntil + nanos(units) - now;
  }

  private long nanos(int units) {
    return units * SECOND_NANOS / perSecond;
  }
}
