package dev.jev.cli;

import java.io.PrintStream;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.Recorder;
import org.jspecify.annotations.Nullable;

/**
 * The measurement of the messages of a {@link Load} that are due within a period, of which a line
 * is shown each second.
 *
 * <p><b>Threads.</b> Any thread counts messages; all else is for one thread.
 */
final class Progress {

  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
  private static final long MAX_NANOS = TimeUnit.HOURS.toNanos(1);

  private final long begin = System.nanoTime();
  private final long nanos;
  private final LongAdder lost;
  private final @Nullable PrintStream shown;
  private final Recorder latencies = new Recorder(3);
  private final LongAdder answers = new LongAdder();
  private final LongAdder errors = new LongAdder();
  private final Histogram total = new Histogram(3);
  private @Nullable Histogram second;
  private long nextShown = begin + SECOND;

  /**
   * Begins a measurement.
   *
   * @param seconds the length of the period
   * @param lost the messages of connections that have closed, at any time; these are errors
   * @param shown the terminal that shows the progress; null for none
   */
  Progress(double seconds, LongAdder lost, @Nullable PrintStream shown) {
    this.nanos = (long) (seconds * 1e9);
    this.lost = lost;
    this.shown = shown;
  }

  long begin() {
    return begin;
  }

  /** Returns the length of the period. */
  long nanos() {
    return nanos;
  }

  private boolean contains(long time) {
    long after = time - begin;
    return after >= 0 && after < nanos;
  }

  /** Counts the answer to a message, which has come now. */
  void answered(long due, long now, boolean isError) {
    if (contains(now)) {
      answers.increment();
    }
    record(due, now, isError);
  }

  /** Counts a message that has no answer at the end, with its latency so far. */
  void unanswered(long due) {
    record(due, System.nanoTime(), /* isError= */ true);
  }

  /** Counts a message that could not be sent. */
  void unsent(long due) {
    errors.add(contains(due) ? 1 : 0);
  }

  private void record(long due, long now, boolean isError) {
    boolean openAllTheTime = due - begin < 0 && now - begin >= nanos;
    if (contains(due) || openAllTheTime) {
      latencies.recordValue(Math.min(Math.max(now - due, 0), MAX_NANOS));
      errors.add(isError ? 1 : 0);
    }
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
          errors());
      shown.flush();
    }
  }

  private Histogram collect() {
    Histogram latest = latencies.getIntervalHistogram(second);
    second = latest;
    total.add(latest);
    return latest;
  }

  private long errors() {
    return errors.sum() + lost.sum();
  }

  /** Returns the result, when the messages have been answered. */
  BenchResult end() {
    collect();
    if (shown != null) {
      shown.print("\r" + " ".repeat(76) + "\r");
      shown.flush();
    }
    return new BenchResult(nanos / 1e9, answers.sum(), errors(), total);
  }
}
