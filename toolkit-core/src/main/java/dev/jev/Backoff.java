package dev.jev;

import java.util.random.RandomGenerator;

/**
 * How long a client waits before it connects again: at random, so that clients which lost the same
 * server do not come back at the same time, up to a bound that doubles each time.
 *
 * <p>Used by one thread at a time.
 */
final class Backoff {

  private final long firstNanos;
  private final long capNanos;
  private final RandomGenerator random;
  private long boundNanos;

  Backoff(long firstNanos, long capNanos, RandomGenerator random) {
    this.firstNanos = firstNanos;
    this.capNanos = capNanos;
    this.random = random;
    this.boundNanos = firstNanos;
  }

  /** The next wait; from zero to the bound, which doubles until it is the cap. */
  long nextNanos() {
    long bound = boundNanos;
    boundNanos = bound > capNanos / 2 ? capNanos : 2 * bound;
    return random.nextLong(bound + 1);
  }

  /** Begins anew if a connection has lasted longer than the bound. */
  void lasted(long nanos) {
    if (nanos > boundNanos) {
      boundNanos = firstNanos;
    }
  }
}
