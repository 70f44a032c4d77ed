package dev.jev;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.time.Duration;

/** Checks of configuration values, with uniform messages. */
final class Checks {

  /** Ten years, which still fit into a long as nanoseconds. */
  private static final Duration MAX = Duration.ofDays(3650);

  /** One TiB. */
  private static final long MAX_BYTES = 1L << 40;

  private Checks() {}

  /** Returns a number of bytes that other code reports, limited so that sums do not overflow. */
  static long reportedBytes(long bytes) {
    return Math.min(Math.max(bytes, 0), MAX_BYTES);
  }

  /** Returns {@code value} if it lies between {@code min} and {@code max}, both inclusive. */
  static int inRange(String name, int value, int min, int max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + ": " + value + " (expected: " + min + ".." + max + ")");
    }
    return value;
  }

  /** Returns {@code value} if it lies between {@code min} and {@code max}, both inclusive. */
  static long inRange(String name, long value, long min, long max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + ": " + value + " (expected: " + min + ".." + max + ")");
    }
    return value;
  }

  /**
   * Returns the length of {@code value} in UTF-8, in bytes.
   *
   * @throws IllegalArgumentException if {@code value} contains half a surrogate pair, which would
   *     become a question mark
   */
  static int utf8Bytes(String name, String value) {
    CharBuffer chars = CharBuffer.wrap(value);
    try {
      return UTF_8.newEncoder().encode(chars).remaining();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(
          name + ": half a surrogate pair at index " + chars.position() + " (expected: Unicode)",
          e);
    }
  }

  /** Returns {@code value} if it contains a character that is not white space. */
  static String notBlank(String name, String value) {
    if (requireNonNull(value, name).isBlank()) {
      throw new IllegalArgumentException(name + ": \"" + value + "\" (expected: not blank)");
    }
    return value;
  }

  /** Returns {@code value} if it is longer than zero and at most ten years. */
  static Duration positive(String name, Duration value) {
    requireNonNull(value, name);
    if (value.isNegative() || value.isZero() || value.compareTo(MAX) > 0) {
      throw new IllegalArgumentException(
          name + ": " + value + " (expected: > PT0S and <= " + MAX + ")");
    }
    return value;
  }

  /** Returns {@code value} if it is not negative and at most ten years. */
  static Duration notNegative(String name, Duration value) {
    requireNonNull(value, name);
    if (value.isNegative() || value.compareTo(MAX) > 0) {
      throw new IllegalArgumentException(name + ": " + value + " (expected: PT0S.." + MAX + ")");
    }
    return value;
  }
}
