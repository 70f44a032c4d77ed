package dev.jev.nodes;

import java.util.concurrent.TimeUnit;

/**
 * A token bucket that limits the rate of one connection's commands: so many tokens per second, of
 * which some are saved.
 *
 * <p>Not thread-safe.
 */
final class SocketRate {

  private static final double NANOS_PER_SECOND = TimeUnit.SECONDS.toNanos(1);

  private final int perSecond;
  private final int burst;
  private double tokens;
  private long refilled; // time

  SocketRate(int perSecond, int burst, long now) {
    this.perSecond = perSecond;
    this.burst = burst;
    this.tokens = burst;
    this.refilled = now;
  }

  /** Takes a token; returns false if there is none. */
  boolean take(long now) {
    refill(now);
    if (tokens < 1) {
      return false;
    }
    tokens--;
    return true;
  }

  /** Takes tokens, more than there are if need be. */
  void spend(int count, long now) {
    refill(now);
    tokens -= count;
  }

  /** Returns the time until no more tokens are taken than there were, in nanoseconds. */
  long debtNanos(long now) {
    refill(now);
    return tokens >= 0 ? 0 : (long) Math.ceil(-tokens * NANOS_PER_SECOND / perSecond);
  }

  private void refill(long now) {
    tokens = Math.min(tokens + (now - refilled) * perSecond / NANOS_PER_SECOND, burst);
    refilled = now;
  }
}
