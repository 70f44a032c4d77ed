package dev.jev.codec;

import static java.util.Objects.requireNonNull;

import java.nio.ByteOrder;

/**
 * Where in a frame its length stands, and what it counts: the configuration of {@link
 * Protocols#lengthField}.
 *
 * <pre>
 *   |&lt;---------------- frame -----------------&gt;|
 *   |&lt;- offset -&gt;|&lt;- width -&gt;|                 |
 *   |    magic    |  length   |     payload     |
 *                             |&lt;-- length ---&gt;|      unless adjusted
 *   |&lt;- strip -&gt;|&lt;---------- message ---------&gt;|
 * </pre>
 *
 * <p>Made by {@link #ofBytes} and the methods that follow it: {@code
 * LengthField.ofBytes(2).littleEndian().offset(3).includesItself().strip(5)}. As it comes from
 * {@code ofBytes} it is big-endian, stands at the beginning, counts the bytes behind it, and
 * nothing is stripped.
 *
 * @param width how many bytes the field has: 1, 2, 3, 4, or 8; up to 4 it is unsigned, and 8 must
 *     not be negative
 * @param order the order of its bytes
 * @param offset how many bytes stand before it
 * @param adjustment how many bytes of the frame come behind the field in addition to those that it
 *     counts; negative if it counts bytes that stand elsewhere, such as those before it
 * @param countsItself whether it counts its own bytes, too
 * @param strip how many bytes at the beginning of a frame are left out of the message
 * @param maxFrameBytes the longest frame, in bytes from its first to its last, whatever is
 *     stripped; the server's limit holds if it is lower
 */
public record LengthField(
    int width,
    ByteOrder order,
    int offset,
    int adjustment,
    boolean countsItself,
    int strip,
    int maxFrameBytes) {

  /**
   * Checks the values.
   *
   * @throws IllegalArgumentException if the field is not of one of the widths, or does not fit into
   *     the longest frame, or there is less than nothing before it or to strip, or more to strip
   *     than the longest frame has
   */
  public LengthField {
    requireNonNull(order, "order");
    if (width < 1 || width > 8 || (width > 4 && width < 8)) {
      throw new IllegalArgumentException("width: " + width + " bytes (expected: 1, 2, 3, 4 or 8)");
    }
    checkRange("maxFrameBytes", maxFrameBytes, width, Integer.MAX_VALUE);
    checkRange("offset", offset, 0, maxFrameBytes - width);
    checkRange("strip", strip, 0, maxFrameBytes);
  }

  /** A field of 1, 2, 3, 4 or 8 bytes. */
  public static LengthField ofBytes(int width) {
    return new LengthField(
        width,
        ByteOrder.BIG_ENDIAN,
        /* offset= */ 0,
        /* adjustment= */ 0,
        /* countsItself= */ false,
        /* strip= */ 0,
        /* maxFrameBytes= */ Integer.MAX_VALUE);
  }

  /** The same with its lowest byte first. */
  public LengthField littleEndian() {
    return new LengthField(
        width, ByteOrder.LITTLE_ENDIAN, offset, adjustment, countsItself, strip, maxFrameBytes);
  }

  /** The same behind {@code bytes} others. */
  public LengthField offset(int bytes) {
    return new LengthField(width, order, bytes, adjustment, countsItself, strip, maxFrameBytes);
  }

  /** The same with {@code bytes} behind it that it does not count; negative if it counts others. */
  public LengthField adjustment(int bytes) {
    return new LengthField(width, order, offset, bytes, countsItself, strip, maxFrameBytes);
  }

  /** The same counting its own bytes, too. */
  public LengthField includesItself() {
    return new LengthField(
        width, order, offset, adjustment, /* countsItself= */ true, strip, maxFrameBytes);
  }

  /** The same with messages that lack the first {@code bytes} of their frames. */
  public LengthField strip(int bytes) {
    return new LengthField(width, order, offset, adjustment, countsItself, bytes, maxFrameBytes);
  }

  /** The same with frames of up to {@code bytes}, or the server's limit if that is lower. */
  public LengthField maxFrameBytes(int bytes) {
    return new LengthField(width, order, offset, adjustment, countsItself, strip, bytes);
  }

  /** How many bytes a frame has up to the end of the field. */
  int headerBytes() {
    return offset + width;
  }

  /** How many bytes a frame has more than its field says. */
  long uncountedBytes() {
    return (long) offset + adjustment + (countsItself ? 0 : width);
  }

  /** The greatest length that can be written. */
  long maxLength() {
    return width == Long.BYTES ? Long.MAX_VALUE : (1L << (Byte.SIZE * width)) - 1;
  }

  private static void checkRange(String name, int value, int min, int max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + ": " + value + " bytes (expected: " + min + ".." + max + ")");
    }
  }
}
