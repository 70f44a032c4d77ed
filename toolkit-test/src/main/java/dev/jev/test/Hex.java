package dev.jev.test;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.util.HexFormat;

/** Bytes as people write them: two hexadecimal digits each, with blanks wherever they like. */
public final class Hex {

  private static final int LINE_BYTES = 16;

  private Hex() {}

  /**
   * The bytes that some digits stand for; blanks and line breaks mean nothing.
   *
   * @throws IllegalArgumentException if {@code digits} has anything else, or an odd number of them
   */
  public static byte[] bytes(String digits) {
    return HexFormat.of().parseHex(digits.replaceAll("\\s+", ""));
  }

  /** The digits of some bytes, in lower case and without blanks. */
  public static String of(byte... bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  /** The digits of the readable bytes of a buffer, whose indices and reference stay as they are. */
  public static String of(ByteBuf bytes) {
    return of(ByteBufUtil.getBytes(bytes));
  }

  /**
   * Some bytes for people to look at: lines of 16 with their offset, as digits and as ASCII.
   *
   * @param splits before which of the bytes there is a bar, in ascending order
   */
  public static String dump(byte[] bytes, int... splits) {
    return dumpPart(bytes, 0, bytes.length, splits);
  }

  /** The same for a part of the bytes. */
  static String dumpPart(byte[] bytes, int from, int to, int... splits) {
    StringBuilder dump = new StringBuilder();
    int split = 0;
    for (int start = from; start < to; start += LINE_BYTES) {
      StringBuilder digits = new StringBuilder();
      StringBuilder text = new StringBuilder();
      for (int i = start; i < Math.min(start + LINE_BYTES, to); i++) {
        while (split < splits.length && splits[split] < i) {
          split++;
        }
        boolean bar = split < splits.length && splits[split] == i;
        digits.append(bar ? '|' : ' ').append(of(bytes[i]));
        text.append(bytes[i] >= ' ' && bytes[i] <= '~' ? (char) bytes[i] : '.');
      }
      dump.append(String.format("%08x %-48s  %s%n", start, digits, text));
    }
    return dump.toString();
  }
}
