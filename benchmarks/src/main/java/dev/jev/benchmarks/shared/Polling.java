package dev.jev.benchmarks.shared;

import java.util.concurrent.TimeUnit;

/** Waits for other processes that cannot report a change themselves. */
public final class Polling {

  private static final long PERIOD_MILLIS = 50;

  private Polling() {}

  /** Sleeps for 50 ms between two checks of another process. */
  public static void pause() {
    try {
      TimeUnit.MILLISECONDS.sleep(PERIOD_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BenchmarkException("interrupted while waiting for a server");
    }
  }
}
