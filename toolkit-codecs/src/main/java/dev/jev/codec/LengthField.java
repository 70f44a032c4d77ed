package dev.jev.codec;

import static java.util.Objects.requireNonNull;

import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;

/**
 * The position and meaning of a frame's length field: the configuration of {@link
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
 * <p>Created by {@link #ofBytes} and refined by the other methods: {@code
 * LengthField.ofBytes(2).littleEndian().header(0xCA, 0xFE).includesItself().strip(4)}. By default,
 * the field is big-endian, is at the beginning of the frame and counts the bytes after it, and
 * nothing is stripped.
 *
 * @param width the number of bytes in the field: 1, 2, 3, 4, or 8; a value of up to 4 bytes is
 *     unsigned, and a value of 8 bytes must not be negative
 * @param order the byte order of the field
 * @param offset the number of bytes before the field
 * @param adjustment the number of bytes after the field in addition to those that it counts;
 *     negative if it counts bytes elsewhere, such as those before it
 * @param countsItself true if the field counts its own bytes as well
 * @param strip the number of bytes at the beginning of a frame that are left out of the message
 * @param maxFrameBytes the maximum length of a frame in bytes, including those that are stripped;
 *     the server's limit applies if it is lower
 * @param header the bytes with which each frame begins, as unsigned values; empty for any bytes
 * @param onlyInbound true if no message can be packed, so that any bytes may be stripped
 */
public record LengthField(
    int width,
    ByteOrder order,
    int offset,
    int adjustment,
    boolean countsItself,
    int strip,
    int maxFrameBytes,
    List<Integer> header,
    boolean onlyInbound) {

  /**
   * Checks the values.
   *
   * @throws IllegalArgumentException if {@code width} is none of the above, if the field does not
   *     fit into the longest frame or begins within the header, if {@code offset} or {@code strip}
   *     is negative or exceeds the longest frame, or if a value of {@code header} is no byte
   */
  public LengthField {
    requireNonNull(order, "order");
    header = List.copyOf(header);
    if (width < 1 || width > 8 || (width > 4 && width < 8)) {
      throw new IllegalArgumentException("width: " + width + " bytes (expected: 1, 2, 3, 4 or 8)");
    }
    checkRange("maxFrameBytes", maxFrameBytes, width, Integer.MAX_VALUE);
    for (int value : header) {
      if (value < 0 || value > 0xFF) {
        throw new IllegalArgumentException("header: " + value + " (expected: bytes, 0..255)");
      }
    }
    checkRange("offset", offset, header.size(), maxFrameBytes - width);
    checkRange("strip", strip, 0, maxFrameBytes);
  }

  /** Returns a field of 1, 2, 3, 4 or 8 bytes. */
  public static LengthField ofBytes(int width) {
    return new LengthField(
        width,
        ByteOrder.BIG_ENDIAN,
        /* offset= */ 0,
        /* adjustment= */ 0,
        /* countsItself= */ false,
        /* strip= */ 0,
        /* maxFrameBytes= */ Integer.MAX_VALUE,
        /* header= */ List.of(),
        /* onlyInbound= */ false);
  }

  /** Returns a copy with its least significant byte first. */
  public LengthField littleEndian() {
    return new LengthField(
        width,
        ByteOrder.LITTLE_ENDIAN,
        offset,
        adjustment,
        countsItself,
        strip,
        maxFrameBytes,
        header,
        onlyInbound);
  }

  /** Returns a copy with {@code bytes} bytes before the field. */
  public LengthField offset(int bytes) {
    return with(bytes, adjustment, strip, maxFrameBytes);
  }

  /**
   * Returns a copy whose frames begin with the given bytes, such as a magic number and a version:
   * {@code header(0xCA, 0xFE, 1)}. The field follows them, unless {@link #offset} is called after
   * this method. An inbound frame is refused at the first other byte. If the bytes are {@linkplain
   * #strip stripped}, they are written in front of outbound messages.
   *
   * @throws IllegalArgumentException if a value is not in 0..255
   */
  public LengthField header(int... bytes) {
    List<Integer> values = Arrays.stream(bytes).boxed().toList();
    return new LengthField(
        width,
        order,
        values.size(),
        adjustment,
        countsItself,
        strip,
        maxFrameBytes,
        values,
        onlyInbound);
  }

  /**
   * Returns a copy with {@code bytes} bytes after the field that it does not count; negative if it
   * counts bytes elsewhere.
   */
  public LengthField adjustment(int bytes) {
    return with(offset, bytes, strip, maxFrameBytes);
  }

  /** Returns a copy that counts its own bytes as well. */
  public LengthField includesItself() {
    return new LengthField(
        width,
        order,
        offset,
        adjustment,
        /* countsItself= */ true,
        strip,
        maxFrameBytes,
        header,
        onlyInbound);
  }

  /**
   * Returns a copy with the first {@code bytes} of each frame left out of the message. These have
   * to be known when a message is packed, see {@link Protocols#lengthField}.
   */
  public LengthField strip(int bytes) {
    return with(offset, adjustment, bytes, maxFrameBytes);
  }

  /** Returns a copy for a protocol that only receives, and may {@linkplain #strip} any bytes. */
  public LengthField inboundOnly() {
    return new LengthField(
        width,
        order,
        offset,
        adjustment,
        countsItself,
        strip,
        maxFrameBytes,
        header,
        /* onlyInbound= */ true);
  }

  /**
   * Returns a copy with a maximum frame length in bytes. The server's limit applies if it is lower.
   */
  public LengthField maxFrameBytes(int bytes) {
    return with(offset, adjustment, strip, bytes);
  }

  private LengthField with(int newOffset, int newAdjustment, int newStrip, int newMaxFrameBytes) {
    return new LengthField(
        width,
        order,
        newOffset,
        newAdjustment,
        countsItself,
        newStrip,
        newMaxFrameBytes,
        header,
        onlyInbound);
  }

  /**
   * Checks that the stripped bytes are known when a message is packed: bytes of the header, or all
   * of it and the field.
   *
   * @throws IllegalArgumentException if they are not, and the protocol does not only receive
   */
  void checkStrip() {
    if (onlyInbound || strip <= header.size() || stripsTheField()) {
      return;
    }
    String known = header.isEmpty() ? "0" : "0.." + header.size();
    String gap =
        offset == header.size()
            ? ""
            : " with header(...) for the " + offset + " bytes before the field";
    throw new IllegalArgumentException(
        "strip: %d bytes (expected: %s, or %d%s; any with inboundOnly())"
            .formatted(strip, known, headerBytes(), gap));
  }

  /** Returns whether a message is what follows the field, and all bytes before it are known. */
  boolean stripsTheField() {
    return strip == headerBytes() && offset == header.size();
  }

  /** Returns the number of bytes in a frame up to the end of the field. */
  int headerBytes() {
    return offset + width;
  }

  /** Returns the length of a frame minus the value of its field, in bytes. */
  long uncountedBytes() {
    return (long) offset + adjustment + (countsItself ? 0 : width);
  }

  /** Returns the greatest length that fits the field. */
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
