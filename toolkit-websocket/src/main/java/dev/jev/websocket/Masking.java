package dev.jev.websocket;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.security.SecureRandom;

/**
 * The mask that a client puts on what it sends (RFC 6455, 5.3): each byte is combined with one of
 * four, by turns, so that nobody on the way takes it for another protocol.
 */
final class Masking {

  private static final SecureRandom RANDOM = new SecureRandom();

  private Masking() {}

  /** A key that nobody can guess (RFC 6455, 10.3). */
  static int newKey() {
    return RANDOM.nextInt();
  }

  /**
   * Puts the mask on bytes, or takes it off; in place. Called for every frame: must not allocate.
   *
   * @param key the four bytes of the mask, the first one highest
   * @param offset where in the payload {@code from} stands
   * @return whether all bytes are ASCII then
   */
  static boolean apply(ByteBuf bytes, int from, int to, int key, long offset) {
    long mask = Integer.rotateLeft(key, 8 * (int) (offset & 3)) & 0xffff_ffffL;
    mask |= mask << 32;
    // Checked once; each access to a ByteBuf is checked anew, which takes longer than the mask.
    boolean ascii =
        bytes.nioBufferCount() == 1
            ? apply(bytes.internalNioBuffer(from, to - from), mask)
            : applyToEach(bytes, from, to, mask);
    return ascii;
  }

  /**
   * Eight words at a time: that is fast, and also too long to become a part of the methods that
   * call it, so deep in whose inlining the JVM would leave the accesses to the memory as calls.
   */
  private static boolean apply(ByteBuffer memory, long mask) {
    long all = 0;
    int i = memory.position();
    int end = memory.limit();
    for (; i <= end - 64; i += 64) {
      long word0 = memory.getLong(i) ^ mask;
      long word1 = memory.getLong(i + 8) ^ mask;
      long word2 = memory.getLong(i + 16) ^ mask;
      long word3 = memory.getLong(i + 24) ^ mask;
      long word4 = memory.getLong(i + 32) ^ mask;
      long word5 = memory.getLong(i + 40) ^ mask;
      long word6 = memory.getLong(i + 48) ^ mask;
      long word7 = memory.getLong(i + 56) ^ mask;
      memory.putLong(i, word0);
      memory.putLong(i + 8, word1);
      memory.putLong(i + 16, word2);
      memory.putLong(i + 24, word3);
      memory.putLong(i + 32, word4);
      memory.putLong(i + 40, word5);
      memory.putLong(i + 48, word6);
      memory.putLong(i + 56, word7);
      all |= word0 | word1 | word2 | word3 | word4 | word5 | word6 | word7;
    }
    for (; i <= end - 8; i += 8) {
      long word = memory.getLong(i) ^ mask;
      memory.putLong(i, word);
      all |= word;
    }
    long turned = mask;
    for (; i < end; i++) {
      turned = Long.rotateLeft(turned, 8);
      byte one = (byte) (memory.get(i) ^ (byte) turned);
      memory.put(i, one);
      all |= one;
    }
    return (all & Utf8Validator.NOT_ASCII) == 0;
  }

  /** The same for a buffer of several parts, as a plugin may make. */
  private static boolean applyToEach(ByteBuf bytes, int from, int to, long mask) {
    long turned = mask;
    int all = 0;
    for (int i = from; i < to; i++) {
      turned = Long.rotateLeft(turned, 8);
      byte one = (byte) (bytes.getByte(i) ^ (byte) turned);
      bytes.setByte(i, one);
      all |= one;
    }
    return all >= 0;
  }
}
