package dev.jev.benchmarks.working;

import java.io.ByteArrayOutputStream;

/** Writes DEFLATE blocks without content (RFC 1951, 3.2.3). */
final class Blocks {

  private static final int CODE_LENGTH_CODES = 18;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private int bits;
  private int count;

  private Blocks bits(int value, int length) {
    for (int i = 0; i < length; i++) {
      bits |= (value >> i & 1) << count++;
      if (count == Byte.SIZE) {
        out.write(bits);
        bits = 0;
        count = 0;
      }
    }
    return this;
  }

  /** Returns {@code number} blocks with the fixed codes; a multiple of four ends with a byte. */
  static byte[] fixed(int number) {
    Blocks blocks = new Blocks();
    for (int i = 0; i < number; i++) {
      blocks.bits(0, 1).bits(1, 2).bits(0, 7);
    }
    return blocks.out.toByteArray();
  }

  /** Returns {@code number} blocks with codes of their own; a multiple of four ends with a byte. */
  static byte[] dynamic(int number) {
    Blocks blocks = new Blocks();
    for (int i = 0; i < number; i++) {
      blocks.bits(0, 1).bits(2, 2).bits(0, 5).bits(0, 5).bits(CODE_LENGTH_CODES - 4, 4);
      for (int code = 0; code < CODE_LENGTH_CODES; code++) { // 16, 17, 18, 0 and so on
        blocks.bits(code == 2 || code == CODE_LENGTH_CODES - 1 ? 1 : 0, 3);
      }
      blocks.bits(1, 1).bits(138 - 11, 7).bits(1, 1).bits(118 - 11, 7); // 256 times no code
      blocks.bits(0, 1).bits(0, 1); // the end of a block, and one distance
      blocks.bits(0, 1); // the end of this block
    }
    return blocks.out.toByteArray();
  }
}
