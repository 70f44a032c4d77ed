package dev.jev.websocket;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.security.SecureRandom;

/**
 * Masking of the payloads that a client sends (RFC 6455, 5.3): each byte is XORed with one of the
 * four bytes of the masking key in turn, so that no intermediary takes it for another protocol.
 */
final class Masking {

  private static final SecureRandom RANDOM = new SecureRandom();

  private Masking() {}

  /** Returns a new, unpredictable masking key (RFC 6455, 10.3). */
  static int newKey() {
    return RANDOM.nextInt();
  }

  /**
   * Masks or unmasks bytes in place. Called per frame: must not allocate.
   *
   * @param key the masking key, with its first byte in the highest bits
   * @param offset the position of {@code from} in the payload
   * @return true if all bytes are ASCII afterwards
   */
  static boolean apply(ByteBuf bytes, int from, int to, int key, long offset) {
    long mask = Integer.rotateLeft(key, 8 * (int) (offset & 3)) & 0xffff_ffffL;
    mask |= mask << 32;
    // A ByteBuf checks every access, which costs more than the masking. This checks once.
    boolean ascii =
        bytes.nioBufferCount() == 1
            ? apply(bytes.internalNioBuffer(from, to - from), mask)
            : applyToEach(bytes, from, to, mask);
    return ascii;
  }

  /**
   * Masks eight words per iteration. That is fast, and it makes the method too long to be inlined.
   * If it were inlined deep inside its callers, the JVM would compile the memory accesses as calls.
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

  /** Masks a buffer that consists of several parts, such as a plugin may produce. */
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
