package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Tests the rate of bytes, and what happens to delayed output. */
class TrafficShapingTest {

  private static final int RATE = 1_000_000; // bytes per second
  private static final double SECONDS = 2;
  private static final int MUCH = (int) (RATE * SECONDS);

  @AfterEach
  void nothingIsLeft() throws Exception {
    Eventually.noServerThreadIsLeft();
  }

  private static Server.Builder<String, String> server(
      Handler<String, String> handler, TrafficShaping shaping) {
    return Server.<String, String>builder(Texts::new, handler)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(2)
        .maxFrameBytes(16 * 1024 * 1024)
        .maxPendingBytes(16 * 1024 * 1024)
        .plugin(shaping);
  }

  private static String text(int length) {
    return "x".repeat(length);
  }

  private static double secondsSince(long start) {
    return (System.nanoTime() - start) / 1e9;
  }

  /** Checks that the bytes came no faster than the rate; a busy machine may be slower. */
  private static void assertNotTooFast(String what, double seconds, double share) {
    System.out.printf("%s: %.3f s for %.1f s worth of bytes%n", what, seconds, SECONDS);
    assertThat(seconds).isBetween(SECONDS * share, SECONDS + 30);
  }

  @Test
  void oneConnectionIsWrittenAtItsRate() throws Exception {
    TrafficShaping shaping = TrafficShaping.builder().writeBytesPerSecond(RATE).build();
    try (Server server =
            server((connection, message) -> connection.send(text(MUCH)), shaping).start();
        RawPeer peer = RawPeer.connect(server)) {
      long start = System.nanoTime();
      peer.send("go");
      peer.read(MUCH / 2);
      assertNotTooFast("half of one connection written", secondsSince(start), 0.4);
      peer.read(MUCH / 2);
      assertNotTooFast("one connection written", secondsSince(start), 0.9);
    }
  }

  @Test
  void oneConnectionIsReadAtItsRate() throws Exception {
    TrafficShaping shaping = TrafficShaping.builder().readBytesPerSecond(RATE).build();
    Recorder<String, String> recorder =
        new Recorder<>((connection, message) -> connection.send("got " + message.length()));
    try (Server server = server(recorder, shaping).start();
        RawPeer peer = RawPeer.connect(server)) {
      long start = System.nanoTime();
      for (int i = 0; i < 100; i++) {
        peer.send(text(MUCH / 100 - 4));
      }
      for (int i = 0; i < 100; i++) {
        peer.receive();
      }
      // One batch of reads may be 256 KiB, a quarter of a second.
      assertNotTooFast("one connection read", secondsSince(start), 0.8);
    }
  }

  @Test
  void allConnectionsTogetherAreWrittenAtTheTotalInEqualShares() throws Exception {
    TrafficShaping shaping = TrafficShaping.builder().totalWriteBytesPerSecond(RATE).build();
    int share = MUCH / 4;
    Recorder<String, String> recorder = Recorder.silent();
    try (Server server = server(recorder, shaping).eventLoops(1).start()) {
      List<RawPeer> peers = new ArrayList<>();
      List<Connection<String>> connections = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        peers.add(RawPeer.connect(server));
        connections.add(recorder.connection());
      }
      long start = System.nanoTime();
      // In one turn of their loop, since one that begins earlier has the rate for itself.
      connections.get(0).execute(() -> connections.forEach(each -> each.send(text(share))));
      List<CompletableFuture<Double>> ends = new ArrayList<>();
      for (RawPeer peer : peers) {
        ends.add(CompletableFuture.supplyAsync(() -> secondsToRead(peer, share, start)));
      }
      double last = 0;
      for (CompletableFuture<Double> end : ends) {
        double seconds = end.get(20, TimeUnit.SECONDS);
        assertThat(seconds).as("equal shares").isGreaterThan(SECONDS * 0.6);
        last = Math.max(last, seconds);
      }
      assertNotTooFast("four connections written", last, 0.9);
      for (RawPeer peer : peers) {
        peer.close();
      }
    }
  }

  private static double secondsToRead(RawPeer peer, int length, long start) {
    try {
      assertThat(peer.read(length + 4)).hasSize(length + 4);
      return secondsSince(start);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void allConnectionsTogetherAreReadAtTheTotal() throws Exception {
    TrafficShaping shaping = TrafficShaping.builder().totalReadBytesPerSecond(RATE).build();
    Recorder<String, String> recorder =
        new Recorder<>((connection, message) -> connection.send("got"));
    try (Server server = server(recorder, shaping).start()) {
      long start = System.nanoTime();
      List<CompletableFuture<Void>> ends = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        ends.add(CompletableFuture.runAsync(() -> exchange(server, 25)));
      }
      for (CompletableFuture<Void> end : ends) {
        end.get(20, TimeUnit.SECONDS);
      }
      assertNotTooFast("four connections read", secondsSince(start), 0.8);
    }
  }

  private static void exchange(Server server, int times) {
    try (RawPeer peer = RawPeer.connect(server)) {
      for (int i = 0; i < times; i++) {
        peer.send(text(MUCH / 100 - 4)).receive();
      }
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void delayedOutputCountsAsPendingAndOverflows() throws Exception {
    TrafficShaping shaping = TrafficShaping.builder().writeBytesPerSecond(1_000).build();
    Recorder<String, String> recorder = Recorder.silent();
    try (Server server = server(recorder, shaping).maxPendingBytes(500_000).start();
        RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      int sent = 0;
      while (connection.isOpen() && connection.send(text(10_000))) {
        sent++;
        assertThat(connection.pendingBytes()).isLessThan(500_000 + 20_000);
      }
      assertThat(sent).isBetween(45, 80);
      recorder.expect("connect", "close OVERFLOW");
      assertThat(connection.pendingBytes()).isZero();
      assertThat(peer.socket().isConnected()).isTrue();
    }
  }

  @Test
  void handlerIsNotifiedWhenDelayedOutputIsWritten() throws Exception {
    TrafficShaping shaping = TrafficShaping.builder().writeBytesPerSecond(RATE).build();
    Recorder<String, String> recorder = Recorder.silent();
    try (Server server = server(recorder, shaping).start();
        RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      CompletableFuture<Boolean> writable = new CompletableFuture<>();
      connection.execute(
          () -> {
            connection.send(text(500_000));
            writable.complete(connection.isWritable());
          });
      assertThat(writable.get(20, TimeUnit.SECONDS)).isFalse();
      assertThat(peer.receive()).hasSize(500_000);
      recorder.expect("connect", "writable");
      assertThat(connection.isWritable()).isTrue();
    }
  }

  @Test
  void closeWritesDelayedOutput() throws Exception {
    TrafficShaping shaping = TrafficShaping.builder().writeBytesPerSecond(RATE).build();
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              connection.send(text(500_000));
              connection.close();
            });
    try (Server server = server(recorder, shaping).start();
        RawPeer peer = RawPeer.connect(server)) {
      long start = System.nanoTime();
      assertThat(peer.send("go").receive()).hasSize(500_000);
      assertThat(secondsSince(start)).isGreaterThan(0.35);
      peer.expectEnd();
      peer.shutdownOutput();
      recorder.expect("connect", "message go", "close CLOSED");
    }
  }

  @Test
  void closeTimeoutDropsDelayedOutput() throws Exception {
    TrafficShaping shaping = TrafficShaping.builder().writeBytesPerSecond(10_000).build();
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              connection.send(text(500_000));
              connection.close();
            });
    try (Server server = server(recorder, shaping).closeTimeout(Duration.ofMillis(300)).start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.send("go");
      int received = peer.readAll().length;
      assertThat(received).isBetween(1_000, 20_000);
      recorder.expect("connect", "message go", "close CLOSED");
    }
  }

  @Test
  void closeNowDropsDelayedOutput() throws Exception {
    TrafficShaping shaping = TrafficShaping.builder().writeBytesPerSecond(500).build();
    Recorder<String, String> recorder = Recorder.silent();
    try (Server server = server(recorder, shaping).start();
        RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      CompletableFuture<Void> written =
          connection.deliver(text(500_000)).written().toCompletableFuture();
      Eventually.holds("output is pending", () -> connection.pendingBytes() > 400_000);
      connection.closeNow();
      recorder.expect("connect", "close CLOSED");
      Eventually.holds("the write has failed", written::isCompletedExceptionally);
      assertThat(connection.pendingBytes()).isZero();
      assertThat(peer.readAll().length).isLessThan(20_000);
    }
  }

  @Test
  void stopEndsAShapedServer() throws Exception {
    TrafficShaping shaping = TrafficShaping.builder().writeBytesPerSecond(10_000).build();
    Recorder<String, String> recorder = Recorder.silent();
    Server server = server(recorder, shaping).start();
    try (RawPeer peer = RawPeer.connect(server)) {
      Connection<String> connection = recorder.connection();
      connection.send(text(500_000));
      server.stop(Duration.ofMillis(100));
      server.awaitStop();
      recorder.expect("connect", "close SERVER_STOPPED");
      assertThat(peer.socket().isConnected()).isTrue();
    }
  }

  @Test
  void everySetterChecksItsValue() {
    TrafficShaping.Builder builder = TrafficShaping.builder();
    assertThatThrownBy(() -> builder.readBytesPerSecond(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("readBytesPerSecond: 0 (expected: 1..1125899906842624)");
    assertThatThrownBy(() -> builder.writeBytesPerSecond(0))
        .hasMessage("writeBytesPerSecond: 0 (expected: 1..1125899906842624)");
    assertThatThrownBy(() -> builder.totalReadBytesPerSecond(0))
        .hasMessage("totalReadBytesPerSecond: 0 (expected: 1..1125899906842624)");
    assertThatThrownBy(() -> builder.totalWriteBytesPerSecond(0))
        .hasMessage("totalWriteBytesPerSecond: 0 (expected: 1..1125899906842624)");
  }

  // ByteRate, with a clock that the test moves.

  @Test
  void timesAreReservedInOrder() {
    ByteRate rate = new ByteRate(1_000);
    long now = System.nanoTime() + Duration.ofSeconds(1).toNanos();
    long credit = Duration.ofMillis(100).toNanos();
    assertThat(rate.reserve(50, now)).isEqualTo(now - credit);
    assertThat(rate.reserve(200, now)).isEqualTo(now - credit / 2);
    assertThat(rate.reserve(1, now)).isEqualTo(now + credit * 3 / 2);
    assertThat(rate.nanos(250)).isEqualTo(Duration.ofMillis(250).toNanos());
    assertThat(new ByteRate(ByteRate.UNLIMITED).nanos(1 << 20)).isZero();
  }

  @Test
  void fewBytesAreNotDelayed() {
    ByteRate rate = new ByteRate(1_000);
    long now = System.nanoTime();
    for (int second = 0; second < 10; second++) {
      now += Duration.ofSeconds(1).toNanos();
      assertThat(rate.reserve(60, now) - now).isNegative();
      assertThat(rate.reserve(60, now) - now).isNegative();
      assertThat(rate.reserve(60, now) - now).isEqualTo(Duration.ofMillis(20).toNanos());
    }
  }

  @Test
  void delayedOutputIsNotIdle() throws Exception {
    String much = text(200_000);
    Handler<String, String> sending =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            connection.send(much);
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {}
        };
    Recorder<String, String> recorder = new Recorder<>(sending);
    Server shaped =
        Server.builder(Texts::new, recorder)
            .listen("tcp://127.0.0.1:0")
            .plugin(TrafficShaping.builder().writeBytesPerSecond(100_000).build())
            .plugin(IdleReaper.writeIdle(Duration.ofSeconds(1)))
            .start();
    try (shaped;
        RawPeer peer = RawPeer.connect(shaped)) {
      assertThat(peer.receive()).isEqualTo(much);
      recorder.expect("connect", "close IDLE");
    }
  }
}
