package dev.jev.benchmarks.shared;

import java.util.concurrent.TimeUnit;

/** Polling of other processes, which do not report their changes. */
public final class Polling {

  private static final long PERIOD_MILLIS = 50;

  private Polling() {}

  /** Sleeps for 50 ms, the interval between two polls. */
  public static void pause() {
    try {
      TimeUnit.MILLISECONDS.sleep(PERIOD_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BenchmarkException("interrupted while waiting for another process");
    }
  }
}
