package dev.jev.cli;

import java.io.PrintStream;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/** The measurement of a {@link Load}, of which a line is shown each second. */
final class Progress {

  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  private final Load<?, ?> load;
  private final @Nullable PrintStream shown;
  private final Histogram total = new Histogram(3);
  private @Nullable Histogram second;
  private long begin = System.nanoTime();
  private long nextShown = begin + SECOND;

  /**
   * Creates a measurement.
   *
   * @param shown the terminal that shows the progress; null for none
   */
  Progress(Load<?, ?> load, @Nullable PrintStream shown) {
    this.load = load;
    this.shown = shown;
  }

  /** Begins to measure: what was before was the warm-up. */
  void begin() {
    load.latencies.reset();
    load.errors.reset();
    total.reset();
    begin = System.nanoTime();
    nextShown = begin + SECOND;
  }

  void sleepUntil(long time) {
    for (long now = System.nanoTime(); now < time; now = System.nanoTime()) {
      if (now >= nextShown) {
        show(now);
      }
      LockSupport.parkNanos(Math.min(time, nextShown) - now);
    }
  }

  private void show(long now) {
    Histogram latest = collect();
    nextShown += SECOND;
    if (shown != null) {
      shown.printf(
          Locale.ROOT,
          "\r%4d s  %,9d messages/s  p50 %7.3f ms  p99 %7.3f ms  %d errors ",
          (now - begin) / SECOND,
          latest.getTotalCount(),
          latest.getValueAtPercentile(50) / 1e6,
          latest.getValueAtPercentile(99) / 1e6,
          load.errors.sum());
      shown.flush();
    }
  }

  private Histogram collect() {
    Histogram latest = load.latencies.getIntervalHistogram(second);
    second = latest;
    total.add(latest);
    return latest;
  }

  BenchResult end() {
    double seconds = (System.nanoTime() - begin) / 1e9;
    collect();
    if (shown != null) {
      shown.print("\r" + " ".repeat(76) + "\r");
      shown.flush();
    }
    return new BenchResult(seconds, load.errors.sum(), total);
  }
}
