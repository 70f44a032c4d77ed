package dev.jev.benchmarks.torturing;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.WebSocketHandshake;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;

/**
 * The peers of a {@link SoakServer}, one thread each: they connect, do what peers do, end the
 * connection in one of many ways, and begin again.
 */
final class SoakLoad implements AutoCloseable {

  private static final int MOST_ECHOES = 200;
  private static final int MOST_PUSHED = 100;
  private static final long SLOW_MILLIS = 3_000;
  private static final long RECONNECT_MILLIS = 50;

  private final List<Thread> threads = new ArrayList<>();
  private final AtomicLong rounds = new AtomicLong();
  private final AtomicInteger failures = new AtomicInteger();
  private final SSLSocketFactory tls;
  private volatile String firstFailure = "";
  private volatile boolean stopped;

  /** The life of one connection of a peer. */
  @FunctionalInterface
  private interface Role {
    void run(Random random) throws IOException, InterruptedException;
  }

  SoakLoad(int echoPort, int tlsPort, int pushPort, KeyStore trusted)
      throws GeneralSecurityException {
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    tls = context.getSocketFactory();
    start(8, "echo", true, random -> echo(echoPort, random));
    start(2, "silent", true, random -> silent(echoPort, random));
    start(4, "tls", true, random -> echoOverTls(tlsPort, random));
    start(16, "subscriber", false, random -> subscribe(pushPort, random));
    start(4, "slow subscriber", false, random -> subscribeSlowly(pushPort));
  }

  private void start(int count, String name, boolean mustSucceed, Role role) {
    for (int i = 0; i < count; i++) {
      Random random = new Random(threads.size());
      Thread thread = new Thread(() -> repeat(role, random, mustSucceed), name + " " + i);
      thread.setDaemon(true);
      threads.add(thread);
      thread.start();
    }
  }

  /**
   * Repeats a role.
   *
   * @param mustSucceed false if the server restarts meanwhile, so that connections may break
   */
  private void repeat(Role role, Random random, boolean mustSucceed) {
    while (!stopped) {
      try {
        role.run(random);
        rounds.incrementAndGet();
      } catch (IOException | BenchmarkException e) {
        if (mustSucceed && !stopped) {
          fail(Thread.currentThread().getName() + ": " + e);
        }
        pause(RECONNECT_MILLIS);
      } catch (InterruptedException e) {
        return;
      } catch (RuntimeException e) {
        fail(Thread.currentThread().getName() + " ended: " + e);
        return;
      }
    }
  }

  private void fail(String failure) {
    if (failures.getAndIncrement() == 0) {
      firstFailure = failure;
    }
  }

  private static void pause(long millis) {
    try {
      TimeUnit.MILLISECONDS.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void echo(int port, Random random) throws IOException {
    try (Peer peer = Peer.connect(port)) {
      for (int i = random.nextInt(MOST_ECHOES); i >= 0 && !stopped; i--) {
        String text = "x".repeat(1 << random.nextInt(13));
        if (!peer.echo(text).equals(text)) {
          fail("different echo of " + text.length() + " bytes");
        }
      }
      switch (random.nextInt(3)) {
        case 0 -> peer.reset();
        case 1 -> peer.shutdownOutput().end();
        default -> {
          // Is closed.
        }
      }
    }
  }

  /** Sends nothing, or the beginning of a message, until the server closes the connection. */
  private static void silent(int port, Random random) throws IOException {
    try (Peer peer = Peer.connect(port)) {
      if (random.nextBoolean()) {
        peer.write((byte) 0, (byte) 0);
      }
      peer.end();
    }
  }

  private void echoOverTls(int port, Random random) throws IOException {
    try (Socket socket = tls.createSocket(InetAddress.getLoopbackAddress(), port)) {
      DataInputStream in = new DataInputStream(socket.getInputStream());
      for (int i = random.nextInt(MOST_ECHOES); i >= 0 && !stopped; i--) {
        byte[] frame = Peer.frame("x".repeat(1 << random.nextInt(13)));
        socket.getOutputStream().write(frame);
        if (!Arrays.equals(in.readNBytes(frame.length), frame)) {
          fail("different echo over TLS of " + frame.length + " bytes");
        }
      }
    }
  }

  private void subscribe(int port, Random random) throws IOException {
    try (Peer peer = Peer.connect(port).upgrade(WebSocketHandshake.MINIMAL)) {
      for (int i = random.nextInt(MOST_PUSHED); i >= 0 && !stopped; i--) {
        peer.receive();
        if (random.nextInt(4) == 0) {
          peer.send("hello");
        }
      }
      if (random.nextBoolean()) {
        peer.reset();
      }
    }
  }

  private static void subscribeSlowly(int port) throws IOException, InterruptedException {
    try (Peer peer = Peer.connect(port, /* receiveBuffer= */ 4096)) {
      peer.upgrade(WebSocketHandshake.MINIMAL);
      TimeUnit.MILLISECONDS.sleep(SLOW_MILLIS);
      peer.receive();
    }
  }

  long rounds() {
    return rounds.get();
  }

  int failures() {
    return failures.get();
  }

  String firstFailure() {
    return firstFailure;
  }

  /** Ends all peers, and waits for that. */
  @Override
  public void close() {
    stopped = true;
    for (Thread thread : threads) {
      try {
        thread.join(TimeUnit.SECONDS.toMillis(20));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
