package dev.jev.benchmarks.comparing;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A ratio beside the bar that it should stay within; three decimals count, as they are printed.
 *
 * @param bar null if there is none
 */
record RatioCheck(SummaryStatistics ratio, @Nullable Double bar) {

  /** For a table: {@code <= 0.95: met}. */
  String cell() {
    return bar == null
        ? "none"
        : String.format(
            Locale.ROOT,
            "<= %.2f: %s",
            bar,
            Math.round(ratio.median() * 1000) <= Math.round(bar * 1000) ? "met" : "**not met**");
  }

  /** For the end of a printed line. */
  String sentence() {
    return bar == null ? "" : ", bar " + cell();
  }
}
