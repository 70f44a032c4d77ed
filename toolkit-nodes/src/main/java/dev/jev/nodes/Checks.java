package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Checks of arguments. */
final class Checks {

  private static final int MAX_NAME_BYTES = 200;

  /** Control characters, braces, and lone surrogates. */
  private static final Pattern FORBIDDEN = Pattern.compile("[\\p{Cc}{}\\p{Cs}]");

  private static final Duration MAX_DURATION = Duration.ofDays(365);

  private Checks() {}

  /** Returns a text whose length in UTF-8 is in a range, in bytes. */
  static String text(String name, String value, int min, int max) {
    int length = requireNonNull(value, name).getBytes(UTF_8).length;
    if (length < min || length > max) {
      throw new IllegalArgumentException(
          name + ": " + length + " bytes (expected: " + min + ".." + max + ")");
    }
    return value;
  }

  /** Returns the name of a topic. */
  static String topic(String name) {
    text("topic", name, 1, MAX_NAME_BYTES);
    Matcher forbidden = FORBIDDEN.matcher(name);
    if (forbidden.find()) {
      int found = name.codePointAt(forbidden.start());
      throw new IllegalArgumentException(
          String.format(
              "topic: contains U+%04X (expected: no control characters, no { and })", found));
    }
    return name;
  }

  static long inRange(String name, long value, long min, long max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(
          name + ": " + value + " (expected: " + min + ".." + max + ")");
    }
    return value;
  }

  static Duration duration(String name, Duration value, Duration min) {
    if (requireNonNull(value, name).compareTo(min) < 0 || value.compareTo(MAX_DURATION) > 0) {
      throw new IllegalArgumentException(
          name + ": " + value + " (expected: " + min + ".." + MAX_DURATION + ")");
    }
    return value;
  }
}
