package dev.jev.plugin;

import java.time.Duration;
import java.util.Arrays;

/**
 * The lags of one event loop in the current time window and the previous one.
 *
 * <p>A histogram with eight ranges per power of two, so that a range is at most 12.5 % wide. It
 * takes 2 KiB per loop.
 */
final class LagWindow {

  private static final int STEPS = 8; // per power of two
  private static final int RANGES = 256; // the last one begins at 16 s

  private final long windowNanos;

  // Guarded by this.
  private int[] counts = new int[RANGES];
  private int[] previousCounts = new int[RANGES];
  private long max;
  private long previousMax;
  private long windowStart;
  private boolean hasStarted;

  LagWindow(long windowNanos) {
    this.windowNanos = windowNanos;
  }

  synchronized void add(long nanos, long now) {
    rotate(now);
    counts[range(nanos)]++;
    max = Math.max(max, nanos);
  }

  synchronized Diagnostics.LoopLag lag(String loop, long now) {
    rotate(now);
    long count = 0;
    for (int i = 0; i < RANGES; i++) {
      count += counts[i] + previousCounts[i];
    }
    long overallMax = Math.max(max, previousMax);
    Duration median = Duration.ofNanos(Math.min(percentile(count / 2 + 1, count), overallMax));
    Duration p99 = Duration.ofNanos(Math.min(percentile(count - count / 100, count), overallMax));
    return new Diagnostics.LoopLag(loop, count, median, p99, Duration.ofNanos(overallMax));
  }

  /** Returns the upper end of the range that contains the lag of the given rank. */
  private long percentile(long rank, long count) {
    long left = Math.min(rank, count);
    for (int i = 0; i < RANGES && left > 0; i++) {
      left -= counts[i] + previousCounts[i];
      if (left <= 0) {
        return end(i);
      }
    }
    return 0;
  }

  private void rotate(long now) {
    if (hasStarted && now - windowStart < windowNanos) {
      return;
    }
    boolean adjacent = hasStarted && now - windowStart < 2 * windowNanos;
    int[] cleared = previousCounts;
    previousCounts = counts;
    counts = cleared;
    previousMax = max;
    if (!adjacent) {
      Arrays.fill(previousCounts, 0);
      previousMax = 0;
    }
    Arrays.fill(counts, 0);
    max = 0;
    windowStart = now;
    hasStarted = true;
  }

  /**
   * Returns the range of a lag. Its number is the exponent and the three bits after the leading
   * bit.
   */
  private static int range(long nanos) {
    if (nanos < STEPS) {
      return (int) Math.max(nanos, 0);
    }
    int exponent = 63 - Long.numberOfLeadingZeros(nanos);
    int step = (int) (nanos >>> (exponent - 3)) - STEPS;
    return Math.min((exponent - 2) * STEPS + step, RANGES - 1);
  }

  private static long end(int range) {
    if (range < STEPS) {
      return range;
    }
    int exponent = range / STEPS + 2;
    return ((STEPS + range % STEPS + 1L) << (exponent - 3)) - 1;
  }
}
