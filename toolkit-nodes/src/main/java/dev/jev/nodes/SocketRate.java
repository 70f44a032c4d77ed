package dev.jev.nodes;

import java.util.concurrent.TimeUnit;

/**
 * A token bucket that limits the rate of one connection's commands: so many tokens per second, of
 * which some are saved.
 *
 * <p>Not thread-safe.
 */
final class SocketRate {

  private static final long SECOND_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final long tokenNanos;
  private final long burstNanos;
  private long paidUntil; // time at which what was taken is paid for; may lie ahead

  SocketRate(int perSecond, int burst, long now) {
    this.tokenNanos = SECOND_NANOS / perSecond;
    this.burstNanos = burst * tokenNanos;
    this.paidUntil = now - burstNanos;
  }

  /** Takes a token; returns false if there is none. */
  boolean take(long now) {
    if (paidUntil + tokenNanos - now > 0) {
      return false;
    }
    spend(1, now);
    return true;
  }

  /** Takes tokens, more than there are if need be. */
  void spend(int count, long now) {
    paidUntil = now + Math.max(paidUntil - now, -burstNanos) + count * tokenNanos;
  }

  /** Returns the time until no more tokens are taken than there were, in nanoseconds. */
  long debtNanos(long now) {
    return Math.max(paidUntil - now, 0);
  }
}
