package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import java.time.Duration;

/** Checks of configuration values, with uniform messages. */
final class Checks {

  /** Ten years, which fit into a long as nanoseconds. */
  private static final Duration MAX = Duration.ofDays(3650);

  private static final Duration MIN_TIMEOUT = Duration.ofMillis(10);

  private Checks() {}

  /** Returns {@code value} if all its characters are ASCII. */
  static String ascii(String name, String value) {
    if (!value.chars().allMatch(c -> c < 0x80)) {
      throw new IllegalArgumentException(name + ": " + value + " (expected: ASCII)");
    }
    return value;
  }

  /** Returns {@code value} if it is from {@code min} to {@code max}, inclusive. */
  static int inRange(String name, int value, int min, int max) {
    return (int) inRange(name, (long) value, min, max);
  }

  /** Returns {@code value} if it is from {@code min} to {@code max}, inclusive. */
  static long inRange(String name, long value, long min, long max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + ": " + value + " (expected: " + min + ".." + max + ")");
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

  /**
   * Returns {@code value} if it is at least 10 ms, the minimum for a {@link dev.jev.DeadlineWheel},
   * and at most ten years.
   */
  static Duration timeout(String name, Duration value) {
    if (positive(name, value).compareTo(MIN_TIMEOUT) < 0) {
      throw new IllegalArgumentException(
          name + ": " + value + " (expected: >= " + MIN_TIMEOUT + ")");
    }
    return value;
  }

  /** Returns {@code value} if it is from zero to ten years. */
  static Duration notNegative(String name, Duration value) {
    requireNonNull(value, name);
    if (value.isNegative() || value.compareTo(MAX) > 0) {
      throw new IllegalArgumentException(name + ": " + value + " (expected: PT0S.." + MAX + ")");
    }
    return value;
  }
}
