package dev.jev;

import static java.util.Objects.requireNonNull;

import java.time.Duration;

/** Checks of configuration values, with uniform messages. */
final class Checks {

  /** Ten years, which still fit into a long as nanoseconds. */
  private static final Duration MAX = Duration.ofDays(3650);

  private Checks() {}

  /** Returns {@code value} if it lies between {@code min} and {@code max}, both inclusive. */
  static int inRange(String name, int value, int min, int max) {
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

  /** Returns {@code value} if it is not negative and at most ten years. */
  static Duration notNegative(String name, Duration value) {
    requireNonNull(value, name);
    if (value.isNegative() || value.compareTo(MAX) > 0) {
      throw new IllegalArgumentException(name + ": " + value + " (expected: PT0S.." + MAX + ")");
    }
    return value;
  }
}
