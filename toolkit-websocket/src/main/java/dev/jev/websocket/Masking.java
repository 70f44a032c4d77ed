package dev.jev.websocket;

import io.netty.buffer.ByteBuf;
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
   * Puts the mask on bytes, or takes it off; in place. Called for every frame.
   *
   * @param key the four bytes of the mask, the first one highest
   * @param offset where in the payload {@code from} stands
   */
  static void apply(ByteBuf bytes, int from, int to, int key, long offset) {
    int turned = Integer.rotateLeft(key, 8 * (int) (offset & 3));
    // Little-endian, as most machines are: then no word has to be turned round.
    long word = Integer.reverseBytes(turned) & 0xffff_ffffL;
    word |= word << 32;
    int i = from;
    for (; i <= to - Long.BYTES; i += Long.BYTES) {
      bytes.setLongLE(i, bytes.getLongLE(i) ^ word);
    }
    for (; i < to; i++) {
      bytes.setByte(i, bytes.getByte(i) ^ (int) word);
      word = Long.rotateRight(word, 8);
    }
  }
}
