package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.Plugin;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import java.net.ConnectException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Level;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Tests a drain within one JVM; {@link DrainSignalTest} tests signals. */
class DrainTest {

  private static final Duration NONE = Duration.ZERO;

  @AfterEach
  void nothingIsLeft() throws Exception {
    Eventually.noServerThreadIsLeft();
  }

  private static Drain.Builder drain(Duration acceptTime, Duration spread, Duration deadline) {
    return Drain.builder()
        .acceptTime(acceptTime)
        .spread(spread)
        .deadline(deadline)
        .withoutShutdownHook();
  }

  private static Server start(Handler<String, String> handler, Drain drain) {
    return Server.<String, String>builder(Texts::new, handler)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(2)
        .closeTimeout(Duration.ofMinutes(1))
        .maxPendingBytes(16 * 1024 * 1024)
        .plugin(drain)
        .start();
  }

  private static Drain.Report report(CompletionStage<Drain.Report> ended) throws Exception {
    return ended.toCompletableFuture().get(30, TimeUnit.SECONDS);
  }

  @Test
  void serverServesUntilItsAcceptTimeIsOverAndThenClosesItsConnections() throws Exception {
    List<Drain.Phase> phases = new CopyOnWriteArrayList<>();
    CountDownLatch lateIsServed = new CountDownLatch(1);
    Drain drain =
        drain(Duration.ofMillis(500), Duration.ofMillis(300), Duration.ofSeconds(60))
            .onPhase(
                phase -> {
                  phases.add(phase);
                  await(lateIsServed); // however slow the machine is
                })
            .build();
    Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
    Server server = start(recorder, drain);
    assertThat(drain.isReady()).isTrue();
    assertThat(drain.phase()).isEqualTo(Drain.Phase.SERVING);
    try (RawPeer early = RawPeer.connect(server)) {
      assertThat(early.send("before").receive()).isEqualTo("before");
      CompletionStage<Drain.Report> ended = drain.begin();
      assertThat(drain.isReady()).isFalse();
      assertThat(drain.phase()).isEqualTo(Drain.Phase.LEAVING);
      try (RawPeer late = RawPeer.connect(server)) {
        assertThat(late.send("late").receive()).isEqualTo("late");
        assertThat(early.send("still").receive()).isEqualTo("still");
        lateIsServed.countDown();
        early.expectEnd();
        late.expectEnd();
      }
      early.shutdownOutput();
      Drain.Report report = report(ended);
      assertThat(report.closed()).isEqualTo(2);
      assertThat(report.cut()).isZero();
      assertThat(report.cutPeers()).isEmpty();
      assertThat(report.duration()).isGreaterThan(Duration.ofMillis(500));
      assertThat(report).hasToString("drain: 2 connections closed in " + millis(report) + " ms");
    }
    assertThat(phases).containsExactly(Drain.Phase.LEAVING, Drain.Phase.CLOSING, Drain.Phase.ENDED);
    assertThat(drain.phase()).isEqualTo(Drain.Phase.ENDED);
    assertThatThrownBy(() -> RawPeer.connect(server)).isInstanceOf(ConnectException.class);
    server.awaitStop();
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static long millis(Drain.Report report) {
    return report.duration().toMillis();
  }

  @Test
  void clientThatReconnectsIsDrainedAndDoesNotComeBack() throws Exception {
    AtomicInteger connects = new AtomicInteger();
    Handler<String, String> counting =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            connects.incrementAndGet();
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {}
        };
    try (Server server =
        Server.<String, String>builder(Texts::new, counting)
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .start()) {
      Drain drain = drain(Duration.ZERO, Duration.ofMillis(50), Duration.ofSeconds(20)).build();
      Client<String> client =
          Client.<String, String>builder(Texts::new, (connection, text) -> {})
              .plugin(drain)
              .reconnect(Duration.ofMillis(1), Duration.ofMillis(1))
              .connect("tcp://127.0.0.1:" + server.port());
      client.connected().toCompletableFuture().get(10, TimeUnit.SECONDS);
      Drain.Report report = report(drain.begin());
      assertThat(report.closed()).isEqualTo(1);
      assertThat(report.cut()).isZero();
      assertThat(client.isConnected()).isFalse();
      Eventually.holds("no connection", () -> server.connectionCount() == 0);
      assertThat(connects).hasValue(1);
    }
  }

  /** Tests that none is early; the other test, that the times are spread. */
  @Test
  void closesAreSpread() throws Exception {
    List<Long> closes = new CopyOnWriteArrayList<>();
    List<CloseReason.Kind> reasons = new CopyOnWriteArrayList<>();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {
            connection.send(message);
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            closes.add(System.nanoTime());
            reasons.add(reason.kind());
          }
        };
    Drain drain = drain(NONE, Duration.ofSeconds(2), Duration.ofSeconds(20)).build();
    Server server = start(handler, drain);
    List<RawPeer> peers = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      peers.add(RawPeer.connect(server));
      peers.get(i).send("hi").receive();
    }
    List<Thread> readers = new ArrayList<>();
    for (RawPeer peer : peers) { // each closes when it has read the end
      Thread reader =
          new Thread(
              () -> {
                try (peer) {
                  peer.expectEnd();
                } catch (Exception e) {
                  throw new IllegalStateException(e);
                }
              });
      reader.start();
      readers.add(reader);
    }
    long begun = System.nanoTime();
    Drain.Report report = report(drain.begin());
    for (Thread reader : readers) {
      reader.join();
    }
    assertThat(report.closed()).isEqualTo(200);
    assertThat(reasons).hasSize(200).containsOnly(CloseReason.Kind.SERVER_STOPPED);
    List<Long> times = closes.stream().sorted().toList();
    for (int i = 0; i < 200; i++) { // later ones may be late on a busy machine
      double share = (times.get(i) - begun) / 2e9;
      assertThat(share).as("share of the spread for %d", i).isGreaterThan(i / 200.0 - 0.2);
    }
  }

  @Test
  void timesOfTheClosesAreSpreadEvenly() throws Exception {
    Duration spread = Duration.ofMinutes(1);
    Drain drain = drain(NONE, spread, spread.multipliedBy(2)).build();
    SlowChannel channel = new SlowChannel();
    List<FakeLink> links = Stream.generate(() -> new FakeLink(channel)).limit(200).toList();
    List<Plugin.Observer> observers = links.stream().map(drain::install).toList();
    CompletionStage<Drain.Report> ended = drain.begin();
    Eventually.holds("all have a time", () -> links.stream().noneMatch(l -> l.delays.isEmpty()));
    CloseReason reason = CloseReason.of(CloseReason.Kind.SERVER_STOPPED);
    observers.forEach(observer -> observer.closed(reason));
    assertThat(report(ended).closed()).isEqualTo(200);
    int[] quarters = new int[4];
    for (FakeLink link : links) {
      assertThat(link.delays).hasSize(1);
      quarters[(int) (4 * link.delays.remove().toMillis() / spread.toMillis())]++;
    }
    for (int quarter : quarters) {
      assertThat(quarter).as("of 200 in a quarter: %s", quarters).isBetween(20, 90);
    }
    channel.finishAndReleaseAll();
  }

  @Test
  void connectionsOpenAtTheDeadlineAreCutOffAndReported() throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>((connection, message) -> connection.send("x".repeat(8 * 1024 * 1024)));
    Drain drain = drain(NONE, NONE, Duration.ofMillis(700)).build();
    Server server = start(recorder, drain);
    try (LogCapture log = new LogCapture("dev.jev");
        RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * 1024)) {
      peer.send("go");
      recorder.expect("connect", "message go");
      Drain.Report report = report(drain.begin());
      assertThat(report.closed()).isZero();
      assertThat(report.cut()).isEqualTo(1);
      assertThat(report.cutPeers()).containsExactly(peer.socket().getLocalSocketAddress());
      assertThat(report.duration()).isGreaterThanOrEqualTo(Duration.ofMillis(700));
      recorder.expect("close SERVER_STOPPED");
      assertThat(log.await("drain: 0 connections closed in").getMessage())
          .isEqualTo(report.toString())
          .endsWith(" ms, 1 cut off: " + report.cutPeers());
      assertThat(log.await("drain: 0").getLevel()).isEqualTo(Level.WARNING);
    }
  }

  @Test
  void secondBeginClosesAllAtOnce() throws Exception {
    Duration minute = Duration.ofMinutes(1);
    Drain drain = drain(minute, minute, minute.multipliedBy(3)).build();
    Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
    Server server = start(recorder, drain);
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("hi").receive();
      CompletionStage<Drain.Report> first = drain.begin();
      assertThat(first.toCompletableFuture()).isNotDone();
      long start = System.nanoTime();
      CompletionStage<Drain.Report> second = drain.begin();
      peer.expectEnd();
      peer.shutdownOutput();
      assertThat(report(second)).isEqualTo(report(first)).isEqualTo(report(drain.ended()));
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
      assertThat(report(first).closed()).isEqualTo(1);
    }
  }

  @Test
  void secondBeginDuringTheSpreadCutsOffPeersThatDoNotReadAfterFiveSeconds() throws Exception {
    Drain drain = drain(NONE, Duration.ofMinutes(1), Duration.ofMinutes(2)).build();
    Recorder<String, String> recorder =
        new Recorder<>((connection, message) -> connection.send("x".repeat(8 * 1024 * 1024)));
    Server server = start(recorder, drain);
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * 1024)) {
      peer.send("go");
      recorder.expect("connect", "message go");
      drain.begin();
      Eventually.holds("closing", () -> drain.phase() == Drain.Phase.CLOSING);
      long start = System.nanoTime();
      assertThat(report(drain.begin()).cut()).isEqualTo(1);
      assertThat(Duration.ofNanos(System.nanoTime() - start))
          .isBetween(Duration.ofMillis(4_900), Duration.ofSeconds(40));
    }
  }

  @Test
  void oneDrainEndsSeveralServers() throws Exception {
    Drain drain = drain(NONE, NONE, Duration.ofSeconds(20)).build();
    Server one = start(Handler.replying(text -> text), drain);
    Server two = start(Handler.replying(text -> text), drain);
    try (RawPeer first = RawPeer.connect(one);
        RawPeer second = RawPeer.connect(two)) {
      first.send("1").receive();
      second.send("2").receive();
      CompletionStage<Drain.Report> ended = drain.begin();
      first.expectEnd();
      second.expectEnd();
      first.shutdownOutput();
      second.shutdownOutput();
      assertThat(report(ended).closed()).isEqualTo(2);
    }
    one.awaitStop();
    two.awaitStop();
  }

  @Test
  void serverThatIsStoppedNeedsNoDrain() throws Exception {
    Drain drain = Drain.builder().build(); // with a hook, which is removed on close
    start(Handler.replying(text -> text), drain).close();
    assertThat(drain.isReady()).isTrue();
    assertThat(drain.ended().toCompletableFuture()).isNotDone();
    start(Handler.replying(text -> text), drain).close(); // adds the hook again
  }

  @Test
  void serverCannotStartWhenTheDrainHasBegun() throws Exception {
    Drain drain = drain(NONE, NONE, Duration.ofSeconds(20)).build();
    assertThat(report(drain.begin()).closed()).isZero();
    assertThatThrownBy(() -> start(Handler.replying(text -> text), drain))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("drain has already begun; build a new one");
  }

  @Test
  void listenerThatFailsIsReportedAndDoesNoHarm() throws Exception {
    Drain drain =
        drain(NONE, NONE, Duration.ofSeconds(20))
            .onPhase(
                phase -> {
                  throw new LinkageError("broken");
                })
            .build();
    try (LogCapture log = new LogCapture("dev.jev")) {
      assertThat(report(drain.begin()).cut()).isZero();
      assertThat(log.messages("drain: onPhase threw in phase")).hasSize(3);
      assertThat(log.await("onPhase threw in phase LEAVING").getThrown()).hasMessage("broken");
      assertThat(log.await("drain: 0 connections closed in").getLevel()).isEqualTo(Level.INFO);
    }
  }

  @Test
  void everySetterChecksItsValue() {
    Drain.Builder builder = Drain.builder();
    Duration negative = Duration.ofSeconds(-1);
    assertThatThrownBy(() -> builder.acceptTime(negative))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("acceptTime: PT-1S (expected: PT0S..PT87600H)");
    assertThatThrownBy(() -> builder.spread(negative))
        .hasMessage("spread: PT-1S (expected: PT0S..PT87600H)");
    assertThatThrownBy(() -> builder.deadline(NONE))
        .hasMessage("deadline: PT0S (expected: > PT0S and <= PT87600H)");
    assertThatThrownBy(() -> builder.onPhase(null))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("onPhase");
    assertThatThrownBy(() -> builder.deadline(Duration.ofSeconds(34)).build())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("deadline: PT34S (expected: >= acceptTime + spread PT35S)");
  }
}
