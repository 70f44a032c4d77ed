package dev.jev.benchmarks.comparing;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A ratio and its bar, the maximum that it should not exceed. Three decimals count, as printed.
 *
 * @param bar the maximum, or null if there is none
 */
record RatioCheck(SummaryStatistics ratio, @Nullable Double bar) {

  /** Returns the text of a table cell, for example {@code <= 0.95: met}. */
  String cell() {
    return bar == null
        ? "none"
        : String.format(
            Locale.ROOT,
            "<= %.2f: %s",
            bar,
            Math.round(ratio.median() * 1000) <= Math.round(bar * 1000) ? "met" : "**not met**");
  }

  /** Returns the end of a printed line, which is empty without a bar. */
  String sentence() {
    return bar == null ? "" : ", bar " + cell();
  }
}
