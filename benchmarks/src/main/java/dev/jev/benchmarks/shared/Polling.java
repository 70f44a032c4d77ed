package dev.jev.benchmarks.shared;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Polling of other processes, which do not report their changes. */
public final class Polling {

  private static final long PERIOD_MILLIS = 50;

  private Polling() {}

  /** Waits until a process accepts connections at a port of the loopback address. */
  public static void awaitAccept(Process process, int port, Duration limit) {
    long deadline = System.nanoTime() + limit.toNanos();
    while (process.isAlive() && System.nanoTime() < deadline) {
      try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
        if (socket.isConnected()) {
          return;
        }
      } catch (IOException notYet) {
        pause();
      }
    }
    throw new BenchmarkException(
        "port " + port + ": refused (expected: a server within " + limit.toSeconds() + " s)");
  }

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
