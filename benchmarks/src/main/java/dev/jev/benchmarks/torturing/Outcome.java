package dev.jev.benchmarks.torturing;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What one row of the torture table found. */
final class Outcome {

  private final List<String> seen = new ArrayList<>();
  private final List<String> figures = new ArrayList<>();
  private final List<String> failures = new ArrayList<>();

  /** Notes what happened. */
  void seen(String format, Object... arguments) {
    seen.add(String.format(Locale.ROOT, format, arguments));
  }

  /** Notes a measured value. */
  void figure(String format, Object... arguments) {
    figures.add(String.format(Locale.ROOT, format, arguments));
  }

  /** Fails the row unless {@code holds}; the message tells what was found instead. */
  void require(boolean holds, String format, Object... arguments) {
    if (!holds) {
      failures.add(String.format(Locale.ROOT, format, arguments));
    }
  }

  boolean passed() {
    return failures.isEmpty();
  }

  String seen() {
    return String.join("; ", seen);
  }

  String figures() {
    return String.join("; ", figures);
  }

  String failures() {
    return String.join("; ", failures);
  }
}
