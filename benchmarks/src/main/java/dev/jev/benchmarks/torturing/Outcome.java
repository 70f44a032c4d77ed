package dev.jev.benchmarks.torturing;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The outcome of one row of the torture table. */
final class Outcome {

  private final List<String> seen = new ArrayList<>();
  private final List<String> figures = new ArrayList<>();
  private final List<String> failures = new ArrayList<>();

  /** Records an observation. */
  void seen(String format, Object... arguments) {
    seen.add(String.format(Locale.ROOT, format, arguments));
  }

  /** Records a measured value. */
  void figure(String format, Object... arguments) {
    figures.add(String.format(Locale.ROOT, format, arguments));
  }

  /** Fails the row unless {@code holds}. The message says what was found instead. */
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
