package dev.jev.test;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.util.HexFormat;

/** Bytes as text: two hexadecimal digits per byte, with any white space between bytes. */
public final class Hex {

  private static final int LINE_BYTES = 16;

  private Hex() {}

  /**
   * Returns the bytes of hexadecimal digits; white space is ignored.
   *
   * @throws IllegalArgumentException if {@code digits} has other characters, or an odd number of
   *     digits
   */
  public static byte[] bytes(String digits) {
    return HexFormat.of().parseHex(digits.replaceAll("\\s+", ""));
  }

  /** Returns the digits of bytes, in lower case and without spaces. */
  public static String of(byte... bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  /** Returns the digits of a buffer's readable bytes; its indices and reference count stay. */
  public static String of(ByteBuf bytes) {
    return of(ByteBufUtil.getBytes(bytes));
  }

  /**
   * Returns a readable dump: 16 bytes per line with their offset, as digits and as ASCII.
   *
   * @param splits the indices of the bytes that have a bar before them, in ascending order
   */
  public static String dump(byte[] bytes, int... splits) {
    return dumpPart(bytes, 0, bytes.length, splits);
  }

  /** Returns a dump of a part of the bytes. */
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
