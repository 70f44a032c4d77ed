package dev.jev.benchmarks.comparing;

import java.util.Arrays;
import java.util.Collection;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;

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

  String toJson() {
    return String.format(
        Locale.ROOT, "{\"min\":%.4f,\"median\":%.4f,\"max\":%.4f}", min, median, max);
  }
}
