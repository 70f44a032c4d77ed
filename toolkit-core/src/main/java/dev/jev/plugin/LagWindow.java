package dev.jev.plugin;

import java.time.Duration;
import java.util.Arrays;

/**
 * The lags of one event loop in this window of time and the one before.
 *
 * <p>A histogram of eight ranges for each power of two, so that a range is at most 12.5 % wide. 2
 * KiB for one loop.
 */
final class LagWindow {

  private static final int STEPS = 8; // for each power of two
  private static final int RANGES = 256; // the last one begins at 16 s

  private final long windowNanos;

  // Guarded by this.
  private int[] counts = new int[RANGES];
  private int[] before = new int[RANGES];
  private long max;
  private long maxBefore;
  private long begun;
  private boolean hasBegun;

  LagWindow(long windowNanos) {
    this.windowNanos = windowNanos;
  }

  synchronized void add(long nanos, long now) {
    turn(now);
    counts[range(nanos)]++;
    max = Math.max(max, nanos);
  }

  synchronized Diagnostics.LoopLag lag(String loop, long now) {
    turn(now);
    long count = 0;
    for (int i = 0; i < RANGES; i++) {
      count += counts[i] + before[i];
    }
    long longest = Math.max(max, maxBefore);
    Duration median = Duration.ofNanos(Math.min(percentile(count / 2 + 1, count), longest));
    Duration p99 = Duration.ofNanos(Math.min(percentile(count - count / 100, count), longest));
    return new Diagnostics.LoopLag(loop, count, median, p99, Duration.ofNanos(longest));
  }

  /** The upper end of the range in which the lag of a rank is. */
  private long percentile(long rank, long count) {
    long left = Math.min(rank, count);
    for (int i = 0; i < RANGES && left > 0; i++) {
      left -= counts[i] + before[i];
      if (left <= 0) {
        return end(i);
      }
    }
    return 0;
  }

  private void turn(long now) {
    if (hasBegun && now - begun < windowNanos) {
      return;
    }
    boolean adjacent = hasBegun && now - begun < 2 * windowNanos;
    int[] cleared = before;
    before = counts;
    counts = cleared;
    maxBefore = max;
    if (!adjacent) {
      Arrays.fill(before, 0);
      maxBefore = 0;
    }
    Arrays.fill(counts, 0);
    max = 0;
    begun = now;
    hasBegun = true;
  }

  /** Ranges are numbered by the exponent and the three bits behind the first one. */
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
