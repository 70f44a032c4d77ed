package dev.jev.samples.redis;

/**
 * The size of a reply of several values, which is limited: a short MGET could ask for gigabytes.
 */
final class ReplySize {

  private static final long MAX_BYTES = 16 * 1024 * 1024;

  /** Size of a value in addition to its bytes: its object, and its header in the reply. */
  private static final int VALUE_BYTES = 32;

  private long bytes;

  /**
   * Adds a value.
   *
   * @throws RedisError if the reply gets too large
   */
  void add(int length) {
    bytes += VALUE_BYTES + length;
    if (bytes > MAX_BYTES) {
      throw new RedisError(
          "ERR reply: " + bytes + " bytes or more (expected: <= " + MAX_BYTES + ")");
    }
  }
}
