package dev.jev.benchmarks.torturing;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.HdrHistogram.Histogram;

/** A well-behaved client that sends ten echoes per second, independently of the other clients. */
final class Canary implements AutoCloseable {

  private static final long PERIOD_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
  private static final String TEXT = "x".repeat(64);

  private final Thread thread;
  private final Peer peer;

  // Guarded by this.
  private final Histogram micros = new Histogram(3);
  private int errors;
  private String firstError = "";

  private volatile boolean stopped;

  Canary(Peer peer) throws IOException {
    this.peer = peer.readTimeout(60_000);
    peer.echo(TEXT);
    thread = new Thread(this::run, "canary");
    thread.setDaemon(true);
    thread.start();
  }

  /**
   * Returns a canary of an echo server in this process. It measures delays that the machine or the
   * load causes.
   */
  static Canary inThisProcess() throws IOException {
    ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    Thread echo =
        new Thread(
            () -> {
              try (listener;
                  Socket socket = listener.accept()) {
                socket.getInputStream().transferTo(socket.getOutputStream());
              } catch (IOException e) {
                // The canary reports it.
              }
            },
            "echo for a canary");
    echo.setDaemon(true);
    echo.start();
    return new Canary(Peer.connect(listener.getLocalPort()));
  }

  private void run() {
    long next = System.nanoTime();
    while (!stopped) {
      long start = System.nanoTime();
      try {
        if (!peer.echo(TEXT).equals(TEXT)) {
          fail("different echo");
        }
        synchronized (this) {
          micros.recordValue((System.nanoTime() - start) / 1000);
        }
      } catch (IOException e) {
        if (!stopped) {
          fail(e.toString());
        }
        return;
      }
      next = Math.max(next + PERIOD_NANOS, System.nanoTime() - PERIOD_NANOS);
      LockSupport.parkNanos(next - System.nanoTime());
    }
  }

  private synchronized void fail(String error) {
    errors++;
    firstError = firstError.isEmpty() ? error : firstError;
  }

  int port() {
    return peer.port();
  }

  synchronized int errors() {
    return errors;
  }

  synchronized String firstError() {
    return firstError;
  }

  /** Returns a percentile of the time of an echo, in milliseconds. */
  synchronized double millis(double percentile) {
    return micros.getValueAtPercentile(percentile) / 1000.0;
  }

  /** Returns a percentile of the echoes since the last call of this method, in milliseconds. */
  synchronized double nextMillis(double percentile) {
    double millis = millis(percentile);
    micros.reset();
    return millis;
  }

  /** Stops the echoes and leaves the connection open. */
  void stopSending() {
    stopped = true;
    try {
      thread.join(1000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() throws IOException {
    stopped = true;
    peer.close();
  }
}
