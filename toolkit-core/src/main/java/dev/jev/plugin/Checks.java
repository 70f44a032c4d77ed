package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import java.time.Duration;

/** Checks of configuration values, with messages of one shape. */
final class Checks {

  /** Ten years: in nanoseconds it still is a long. */
  private static final Duration MAX = Duration.ofDays(3650);

  private static final Duration MIN_TIMEOUT = Duration.ofMillis(10);

  private Checks() {}

  /** Returns {@code value} if it lies between the two bounds, both included. */
  static int inRange(String name, int value, int min, int max) {
    return (int) inRange(name, (long) value, min, max);
  }

  /** Returns {@code value} if it lies between the two bounds, both included. */
  static long inRange(String name, long value, long min, long max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + ": " + value + " (expected: " + min + ".." + max + ")");
    }
    return value;
  }

  /**
   * Returns {@code value} if it is longer than nothing and short enough to count in nanoseconds.
   */
  static Duration positive(String name, Duration value) {
    requireNonNull(value, name);
    if (value.isNegative() || value.isZero() || value.compareTo(MAX) > 0) {
      throw new IllegalArgumentException(
          name + ": " + value + " (expected: > PT0S and <= " + MAX + ")");
    }
    return value;
  }

  /** Returns {@code value} if it is not too short for a {@link dev.jev.DeadlineWheel}. */
  static Duration timeout(String name, Duration value) {
    if (positive(name, value).compareTo(MIN_TIMEOUT) < 0) {
      throw new IllegalArgumentException(
          name + ": " + value + " (expected: >= " + MIN_TIMEOUT + ")");
    }
    return value;
  }

  /** Returns {@code value} if it is not negative and short enough to count in nanoseconds. */
  static Duration notNegative(String name, Duration value) {
    requireNonNull(value, name);
    if (value.isNegative() || value.compareTo(MAX) > 0) {
      throw new IllegalArgumentException(name + ": " + value + " (expected: PT0S.." + MAX + ")");
    }
    return value;
  }
}
