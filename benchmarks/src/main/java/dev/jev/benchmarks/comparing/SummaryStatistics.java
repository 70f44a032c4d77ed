package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.Results;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;
import org.jspecify.annotations.Nullable;

/** The minimum, median and maximum of some measurements. */
record SummaryStatistics(double min, double median, double max) {

  static SummaryStatistics of(double... measurements) {
    if (measurements.length == 0) {
      throw new IllegalArgumentException("measurements: 0 (expected: >= 1)");
    }
    double[] sorted = DoubleStream.of(measurements).sorted().toArray();
    int middle = sorted.length / 2;
    double median =
        sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    return new SummaryStatistics(sorted[0], median, sorted[sorted.length - 1]);
  }

  static <T> SummaryStatistics of(Collection<T> measured, ToDoubleFunction<? super T> quantity) {
    return of(measured.stream().mapToDouble(quantity).toArray());
  }

  /** Returns the statistics of the ratios of measurements taken in the same rounds. */
  static SummaryStatistics ofRatios(double[] dividends, double[] divisors) {
    double[] ratios = new double[dividends.length];
    Arrays.setAll(ratios, i -> dividends[i] / divisors[i]);
    return of(ratios);
  }

  /** Formats the median, minimum and maximum, for example {@code 1.02 (0.99-1.04)}. */
  String format(int decimals) {
    String number = "%." + decimals + "f";
    return String.format(
        Locale.ROOT, number + " (" + number + "-" + number + ")", median, min, max);
  }

  /** Returns this as the ratio of two servers. */
  Results.Ratio toRatio(String of, String to, @Nullable Double bar) {
    return new Results.Ratio(of, to, rounded(median), rounded(min), rounded(max), bar);
  }

  /** Returns the medians of measurements with the same names. */
  static Results.Measured medians(String name, String label, List<Map<String, Double>> rounds) {
    Map<String, Double> medians = new TreeMap<>();
    for (String quantity : rounds.get(0).keySet()) {
      medians.put(quantity, rounded(of(rounds, round -> round.get(quantity)).median));
    }
    return new Results.Measured(name, label, medians, rounds);
  }

  /** Returns a number with four decimals, as results have it. */
  static double rounded(double number) {
    return Math.rint(number * 1e4) / 1e4;
  }
}
