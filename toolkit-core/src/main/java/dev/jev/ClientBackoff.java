package dev.jev;

import java.util.function.LongUnaryOperator;

/**
 * How long a client waits before it connects again: at random, so that clients which lost the same
 * server do not come back at the same time, up to a bound that doubles each time.
 *
 * <p>Used by one thread at a time.
 */
final class ClientBackoff {

  private final long firstNanos;
  private final long capNanos;
  private final LongUnaryOperator random;
  private long boundNanos;

  /**
   * @param random returns any number from zero up to but not including its argument
   */
  ClientBackoff(long firstNanos, long capNanos, LongUnaryOperator random) {
    this.firstNanos = firstNanos;
    this.capNanos = capNanos;
    this.random = random;
    this.boundNanos = firstNanos;
  }

  /** The next wait; from zero to the bound, which doubles until it is the cap. */
  long nextNanos() {
    long bound = boundNanos;
    boundNanos = bound > capNanos / 2 ? capNanos : 2 * bound;
    return random.applyAsLong(bound + 1);
  }

  /** Begins anew if a connection has lasted longer than the bound. */
  void connectionLasted(long nanos) {
    if (nanos > boundNanos) {
      boundNanos = firstNanos;
    }
  }
}
