package dev.jev;

import java.util.function.LongUnaryOperator;

/**
 * The delays between a client's attempts to connect: exponential backoff with full jitter.
 *
 * <p>Each delay is random, between zero and a bound, so that the clients of a failed server do not
 * reconnect all at once. The bound doubles with each delay.
 *
 * <p><b>Threads.</b> Used by one thread at a time.
 */
final class ClientBackoff {

  private final long minNanos;
  private final long maxNanos;
  private final LongUnaryOperator random;
  private long boundNanos;

  /**
   * Creates a back-off that begins with {@code minNanos} and doubles up to {@code maxNanos}.
   *
   * @param random a function that returns a random number from zero (inclusive) to its argument
   *     (exclusive)
   */
  ClientBackoff(long minNanos, long maxNanos, LongUnaryOperator random) {
    this.minNanos = minNanos;
    this.maxNanos = maxNanos;
    this.random = random;
    this.boundNanos = minNanos;
  }

  /** Returns the next delay, from zero to the bound, and doubles the bound up to the maximum. */
  long nextNanos() {
    long bound = boundNanos;
    boundNanos = bound > maxNanos / 2 ? maxNanos : 2 * bound;
    return random.applyAsLong(bound + 1);
  }

  /** Resets the bound to the minimum if a connection has lasted longer than the bound. */
  void connectionLasted(long nanos) {
    if (nanos > boundNanos) {
      boundNanos = minNanos;
    }
  }
}
