package dev.jev.benchmarks;

import java.util.concurrent.TimeUnit;

/** Waits for other processes that cannot report a change themselves. */
final class Polling {

  private static final long PERIOD_MILLIS = 50;

  private Polling() {}

  /** Sleeps for 50 ms between two checks of another process. */
  static void pause() {
    try {
      TimeUnit.MILLISECONDS.sleep(PERIOD_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BenchmarkException("interrupted while waiting for a server");
    }
  }
}
