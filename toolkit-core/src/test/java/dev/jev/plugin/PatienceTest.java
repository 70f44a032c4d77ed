package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.ChildJvm;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.ScheduledTask;
import dev.jev.Server;
import dev.jev.Texts;
import io.netty.buffer.ByteBuf;
import java.io.DataInputStream;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Tests timeouts with many peers, with suspended processes, and in real time. */
class PatienceTest {

  private static final int MANY = 5_000;

  /** A handshake that waits for bytes that never arrive. */
  private static final class Endless implements Protocol<String, String> {
    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      return null;
    }

    @Override
    public void pack(String message, ByteBuf out) {}

    @Override
    public void open(ProtocolContext context) {}
  }

  private static double secondsSince(long start) {
    return (System.nanoTime() - start) / 1e9;
  }

  // Silent peers.

  @Test
  void thousandsOfSilentPeersAreClosedAtTheHandshakeTimeout() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (Server server =
            Server.builder(Endless::new, recorder)
                .listen("127.0.0.1:0")
                .handshakeTimeout(Duration.ofSeconds(2))
                .start();
        SilentPeers peers = new SilentPeers(server, MANY)) {
      long[] times = peers.millisUntilClosed();
      print("handshake timeout of 2 s", times);
      assertThat(times).hasSize(MANY);
      assertThat(times[0]).isGreaterThanOrEqualTo(2_000);
      assertThat(peers.bytes()).isZero();
      Eventually.holds("all connections are closed", () -> server.connectionCount() == 0);
      recorder.expectNothingMore();
    }
  }

  @Test
  void thousandsOfSilentPeersAreClosedAtTheFirstMessageTimeout() throws Exception {
    Limits limits = Limits.builder().firstMessageTimeout(Duration.ofSeconds(3)).build();
    try (LogCapture log = new LogCapture("dev.jev");
        Server server =
            Server.<String, String>builder(Texts::new, Handler.replying(text -> text))
                .listen("127.0.0.1:0")
                .plugin(limits)
                .start();
        RawPeer talking = RawPeer.connect(server)) {
      long start = System.nanoTime();
      talking.send("hello");
      try (SilentPeers peers = new SilentPeers(server, MANY)) {
        long[] times = peers.millisUntilClosed();
        print("first message deadline of 3 s", times);
        assertThat(times).hasSize(MANY);
        assertThat(times[0]).isGreaterThanOrEqualTo(3_000);
        assertThat(peers.bytes()).isZero();
      }
      Eventually.holds("one connection is left", () -> server.connectionCount() == 1);
      assertThat(limits.closed()).isEqualTo(MANY);
      assertThat(log.messages("no message within PT3S").size())
          .isBetween(1, 1 + (int) secondsSince(start)); // one per second
      assertThat(talking.receive()).isEqualTo("hello");
    }
  }

  private static void print(String what, long[] times) {
    System.out.printf(
        "%,d silent peers, %s: closed after %,d ms (least), %,d (median), %,d (p99), %,d (most)%n",
        times.length,
        what,
        times[0],
        times[times.length / 2],
        times[times.length * 99 / 100],
        times[times.length - 1]);
  }

  @Test
  void drippingHandshakeIsClosedAtItsTimeout() throws Exception {
    long start = System.nanoTime();
    try (Server server =
            Server.builder(Endless::new, Recorder.<String, String>silent())
                .listen("127.0.0.1:0")
                .handshakeTimeout(Duration.ofMillis(500))
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      dripUntilClosed(peer);
      assertThat(secondsSince(start)).isGreaterThan(0.49);
    }
  }

  /** Writes a byte now and then until the connection is closed. */
  private static void dripUntilClosed(RawPeer peer) throws Exception {
    peer.socket().setSoTimeout(50);
    try {
      while (isOpen(peer)) {
        peer.write(new byte[] {'x'});
      }
    } catch (SocketException e) {
      // A byte that came long after the end was answered with a reset.
    }
  }

  private static boolean isOpen(RawPeer peer) throws Exception {
    try {
      return peer.read() >= 0;
    } catch (SocketTimeoutException e) {
      return true;
    }
  }

  // Idle connections.

  @Test
  void idleConnectionIsClosedInTime() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    long[] due = new long[20];
    long[] lateness = new long[due.length];
    try (Server server =
        Server.builder(Texts::new, recorder)
            .listen("127.0.0.1:0")
            .plugin(IdleReaper.readIdle(Duration.ofSeconds(3)))
            .start()) {
      List<RawPeer> peers = new ArrayList<>();
      for (int i = 0; i < lateness.length; i++) {
        peers.add(RawPeer.connect(server));
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(i));
        due[i] = System.nanoTime() + TimeUnit.SECONDS.toNanos(3);
        peers.get(i).send("the last one");
        recorder.expect("connect", "message the last one");
      }
      for (int i = 0; i < lateness.length; i++) {
        peers.get(i).expectEnd();
        lateness[i] = System.nanoTime() - due[i];
        peers.get(i).close();
      }
      for (int i = 0; i < lateness.length; i++) {
        recorder.expect("close IDLE");
      }
    }
    Arrays.sort(lateness);
    System.out.printf(
        "idle timeout of 3 s: late by %,d µs (least), %,d µs (median), %,d µs (most)%n",
        lateness[0] / 1_000,
        lateness[lateness.length / 2] / 1_000,
        lateness[lateness.length - 1] / 1_000);
    assertThat(lateness[0]).isPositive();
  }

  @Test
  void pingsKeepAConnectionWhosePeerAnswers() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    IdleReaper pings =
        IdleReaper.readIdle(Duration.ofMillis(100)).<String>onIdle(peer -> peer.send("ping"));
    try (Server server =
            Server.builder(Texts::new, recorder)
                .listen("127.0.0.1:0")
                .plugin(pings)
                .plugin(IdleReaper.readIdle(Duration.ofSeconds(3)))
                .start();
        RawPeer peer = RawPeer.connect(server)) {
      long start = System.nanoTime();
      long lastPong = start;
      while (secondsSince(start) < 4) { // longer than a silent peer may stay
        assertThat(peer.receive()).isEqualTo("ping");
        lastPong = System.nanoTime();
        peer.send("pong");
      }
      assertThat(peer.readAll()).startsWith(RawPeer.frames("ping"));
      assertThat(secondsSince(lastPong)).isGreaterThan(2.9);
    }
  }

  @Test
  void pingThatThrowsClosesItsConnection() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    IdleReaper failing =
        IdleReaper.readIdle(Duration.ofMillis(20))
            .onIdle(
                connection -> {
                  throw new IllegalStateException("no ping");
                });
    try (LogCapture log = new LogCapture("dev.jev");
        Server server =
            Server.builder(Texts::new, recorder).listen("127.0.0.1:0").plugin(failing).start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.expectEnd();
      log.await("HANDLER_ERROR");
      peer.reset();
      recorder.expect("connect", "close HANDLER_ERROR");
    }
  }

  /** Tests that a suspended process, which has not read from its peers, closes no active one. */
  @Test
  void suspendedServerClosesNoActivePeer() throws Exception {
    int count = 200;
    List<Socket> peers = new ArrayList<>();
    byte[] frame = RawPeer.frames("alive");
    try (ChildJvm server = ChildJvm.withIdleTimeout(Duration.ofSeconds(3))) {
      for (int i = 0; i < count; i++) {
        peers.add(new Socket(InetAddress.getLoopbackAddress(), server.port()));
      }
      long sent = talk(peers, frame, 1);
      server.signal("STOP");
      sent += talk(peers, frame, 4); // longer than an idle peer may stay
      server.signal("CONT");
      sent += talk(peers, frame, 1);
      assertThat(server.connectionCount()).isEqualTo(count);
      for (Socket peer : peers) {
        peer.setSoTimeout(10_000);
        byte[] echoes = new byte[(int) sent * frame.length];
        new DataInputStream(peer.getInputStream()).readFully(echoes);
      }
      Eventually.holds("silent connections are closed", () -> server.connectionCount() == 0);
    } finally {
      for (Socket peer : peers) {
        peer.close();
      }
    }
  }

  /** Sends five frames per second from each peer; returns the number of frames per peer. */
  private static long talk(List<Socket> peers, byte[] frame, int seconds) throws Exception {
    for (int i = 0; i < 5 * seconds; i++) {
      for (Socket peer : peers) {
        peer.getOutputStream().write(frame);
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(200));
    }
    return 5L * seconds;
  }

  // Timers.

  @Test
  void timersThatAreArmedAndCancelledCostLittleHoweverMany() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (Server server = Server.builder(Texts::new, recorder).listen("127.0.0.1:0").start();
        RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      cpuPerTimer(connection); // warms up
      long early = cpuPerTimer(connection);
      long late = cpuPerTimer(connection);
      System.out.printf("timer armed and cancelled: %,d ns of CPU, then %,d ns%n", early, late);
      assertThat(late).as("CPU per timer in ns").isLessThan(TimeUnit.MICROSECONDS.toNanos(10));
      peer.send("still there");
      recorder.expect("connect", "message still there");
    }
  }

  /** Arms and cancels 200,000 timers in 1,000 turns of the loop; returns its CPU time per timer. */
  private static long cpuPerTimer(Connection<String> connection) throws Exception {
    int turns = 1_000;
    int timers = 200;
    long begin = cpuNanos(connection);
    for (int i = 0; i < turns; i++) {
      connection.execute(() -> armAndCancel(connection, timers));
    }
    return (cpuNanos(connection) - begin) / ((long) turns * timers);
  }

  /** Returns the CPU time of the connection's event loop. */
  private static long cpuNanos(Connection<String> connection) throws Exception {
    CompletableFuture<Long> nanos = new CompletableFuture<>();
    connection.execute(
        () -> nanos.complete(ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime()));
    return nanos.get(30, TimeUnit.SECONDS);
  }

  private static void armAndCancel(Connection<String> connection, int count) {
    List<ScheduledTask> timers = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      timers.add(connection.runAfter(Duration.ofSeconds(10 + i % 7), () -> {}));
    }
    timers.forEach(ScheduledTask::cancel);
  }
}
