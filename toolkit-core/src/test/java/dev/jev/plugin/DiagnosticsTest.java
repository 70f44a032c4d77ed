package dev.jev.plugin;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.LoadBalancing;
import dev.jev.LogCapture;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import io.netty.buffer.ByteBuf;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import jdk.jfr.Configuration;
import jdk.jfr.Name;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Tests loop lag, blocked loops and events of Flight Recorder. */
class DiagnosticsTest {

  private static Server.Builder<String, String> server(
      Handler<String, String> handler, Diagnostics diagnostics) {
    return Server.<String, String>builder(Texts::new, handler)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(2)
        .loadBalancing(LoadBalancing.roundRobin())
        .blockedLoopThreshold(Duration.ofMillis(50))
        .plugin(diagnostics);
  }

  /** Records the events of Jev in Flight Recorder during a test. */
  private static final class Flight implements AutoCloseable {
    private final RecordingStream stream;
    private final Queue<RecordedEvent> events = new ConcurrentLinkedQueue<>();

    /** Begins a recording without settings of its own. */
    Flight() {
      this(new RecordingStream());
    }

    Flight(RecordingStream stream) {
      this.stream = stream;
      stream.setReuse(false);
      stream.onEvent(
          event -> {
            if (event.getEventType().getName().startsWith("jev.")) {
              events.add(event);
            }
          });
      stream.startAsync();
    }

    RecordedEvent await(String name) throws Exception {
      return await(name, event -> true);
    }

    RecordedEvent await(String name, Predicate<RecordedEvent> condition) throws Exception {
      Predicate<RecordedEvent> both = event -> isNamed(event, name) && condition.test(event);
      Eventually.holds(name, () -> events.stream().anyMatch(both));
      return events.stream().filter(both).findFirst().orElseThrow();
    }

    List<RecordedEvent> all(String name) {
      return events.stream().filter(event -> isNamed(event, name)).toList();
    }

    private static boolean isNamed(RecordedEvent event, String name) {
      return event.getEventType().getName().equals("jev." + name);
    }

    @Override
    public void close() {
      stream.close();
    }
  }

  @Test
  void handlerThatBlocksIsFoundWithItsStackAndOtherLoopsGoOn() throws Exception {
    BlockingQueue<Diagnostics.BlockedLoop> blocked = new LinkedBlockingQueue<>();
    Diagnostics diagnostics = Diagnostics.create(blocked::add);
    CountDownLatch release = new CountDownLatch(1);
    Handler<String, String> handler =
        (connection, message) -> {
          if (message.equals("block")) {
            blockUntil(release);
          }
          connection.send(message);
        };
    try (Flight flight = new Flight();
        LogCapture log = new LogCapture("dev.jev");
        Server server = server(handler, diagnostics).start();
        RawPeer blocking = RawPeer.connect(server);
        RawPeer other = RawPeer.connect(server)) {
      blocking.send("warm").receive();
      other.send("warm").receive();
      long start = System.nanoTime();
      blocking.send("block");
      Diagnostics.BlockedLoop found;
      do { // the machine may hold loops up as well
        found = blocked.poll(10, TimeUnit.SECONDS);
        assertThat(found).isNotNull();
      } while (!isInHandler(found));
      long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
      System.out.println("blocked loop found after " + millis + " ms");
      assertThat(found.loop()).startsWith("jev-loop-");
      assertThat(found.time()).isGreaterThanOrEqualTo(Duration.ofMillis(50));
      for (int i = 0; i < 100; i++) {
        assertThat(other.send("on").receive()).isEqualTo("on");
      }
      release.countDown();
      assertThat(blocking.receive()).isEqualTo("block");
      assertThat(blocked).as("once per blockage").noneMatch(DiagnosticsTest::isInHandler);

      String method = "DiagnosticsTest.blockUntil";
      Predicate<RecordedEvent> isInHandler = e -> e.getString("stack").contains(method);
      RecordedEvent event = flight.await("LoopBlocked", isInHandler);
      assertThat(event.getString("loop")).isEqualTo(found.loop());
      assertThat(event.getDuration("blockedFor")).isEqualTo(found.time());
      assertThat(event.getString("stack")).contains("\n");
      log.await(found.loop() + " has been blocked for");

      Eventually.holds(
          "the lag is seen",
          () ->
              diagnostics.loopLags().stream()
                  .anyMatch(lag -> lag.max().compareTo(Duration.ofMillis(50)) > 0));
      assertThat(diagnostics.loopLags())
          .extracting(Diagnostics.LoopLag::loop)
          .contains(found.loop())
          .hasSize(2);
    }
  }

  private static boolean isInHandler(Diagnostics.BlockedLoop loop) {
    return loop.stack().stream().anyMatch(frame -> frame.getMethodName().equals("blockUntil"));
  }

  private static void blockUntil(CountDownLatch release) {
    try {
      assertThat(release.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void flightRecorderSeesConnectionsOpenAndClose() throws Exception {
    Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
    try (Server server = server(recorder, Diagnostics.create()).start();
        RawPeer early = RawPeer.connect(server)) {
      early.send("before the recording").receive();
      try (Flight flight = new Flight()) {
        early.shutdownOutput().expectEnd();
        RecordedEvent closed = flight.await("ConnectionClosed");
        assertThat(closed.getString("peer"))
            .isEqualTo(early.socket().getLocalSocketAddress().toString());
        assertThat(closed.getString("reason")).isEqualTo("PEER_CLOSED");
        assertThat(closed.getLong("bytesRead")).isEqualTo(24);
        assertThat(closed.getLong("bytesWritten")).isEqualTo(24);
        assertThat(closed.getDuration("openFor")).isBetween(Duration.ofNanos(1), minute());
        assertThat(closed.getStackTrace()).isNull();
        assertThat(closed.getEventType().getCategoryNames()).containsExactly("Jev");
        try (RawPeer late = RawPeer.connect(server)) {
          late.send("hi").receive();
          RecordedEvent opened = flight.await("ConnectionOpened");
          assertThat(opened.getString("peer"))
              .isEqualTo(late.socket().getLocalSocketAddress().toString());
          assertThat(opened.getString("listener")).isEqualTo(server.addresses().get(0).toString());
        }
      }
    }
  }

  @Test
  void flightRecorderSeesMessagesOnlyIfAsked() throws Exception {
    try (Server server = server(Handler.replying(text -> text), Diagnostics.create()).start()) {
      RecordingStream withMessages = new RecordingStream();
      withMessages.enable("jev.MessageReceived");
      try (Flight byDefault = new Flight();
          RawPeer peer = RawPeer.connect(server)) {
        peer.send("begun before").receive();
        try (Flight flight = new Flight(withMessages)) {
          peer.write(RawPeer.length(5));
          peer.write("seven".getBytes(US_ASCII)).receive();
          peer.send("fourteen bytes").receive();
          peer.shutdownOutput().expectEnd();
          flight.await("ConnectionClosed");
          byDefault.await("ConnectionClosed");
          List<RecordedEvent> messages = flight.all("MessageReceived");
          assertThat(messages).extracting(event -> event.getInt("bytes")).containsExactly(9, 18);
          assertThat(messages)
              .allSatisfy(
                  event -> {
                    assertThat(event.getString("peer"))
                        .isEqualTo(peer.socket().getLocalSocketAddress().toString());
                    assertThat(event.getDuration()).isBetween(Duration.ZERO, minute());
                    assertThat(event.getStackTrace()).isNull();
                    assertThat(event.getThread().getJavaName()).startsWith("jev-loop-");
                  });
        }
      }
    }
  }

  @Test
  void settingsFileEnablesAllEvents() throws Exception {
    Map<String, String> settings = settingsFile().getSettings();
    Set<String> names = new TreeSet<>();
    for (Class<?> type : FlightEvents.class.getDeclaredClasses()) {
      names.add(type.getAnnotation(Name.class).value());
    }
    assertThat(names).hasSize(6);
    Map<String, String> expected = new TreeMap<>();
    names.forEach(name -> expected.put(name + "#enabled", "true"));
    expected.put("jev.MessageReceived#threshold", "1 ms");
    assertThat(settings).isEqualTo(expected);
  }

  @Test
  void settingsFileRecordsMessagesThatTakeLongToUnpack() throws Exception {
    Server.Builder<String, String> slow =
        Server.<String, String>builder(SlowTexts::new, Handler.replying(text -> text));
    try (Server server =
            slow.plugin(Diagnostics.create()).listen("tcp://127.0.0.1:0").eventLoops(1).start();
        Flight flight = new Flight(new RecordingStream(settingsFile()));
        RawPeer peer = RawPeer.connect(server)) {
      peer.send("slow").receive();
      RecordedEvent message = flight.await("MessageReceived");
      assertThat(message.getInt("bytes")).isEqualTo(8);
      assertThat(message.getDuration()).isBetween(Duration.ofMillis(2), minute());
    }
  }

  private static Configuration settingsFile() throws Exception {
    return Configuration.create(Path.of("..", "docs", "jev.jfc"));
  }

  /** A protocol that takes 2 ms to unpack a message. */
  private static final class SlowTexts implements Protocol<String, String> {

    private final Texts texts = new Texts();

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(2);
      while (System.nanoTime() - end < 0) {
        Thread.onSpinWait();
      }
      return texts.unpack(context, in);
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
    }
  }

  private static Duration minute() {
    return Duration.ofMinutes(1);
  }

  @Test
  void flightRecorderSeesPeersThatFallBehind() throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>((connection, message) -> sendMuch(connection));
    try (Server server =
            server(recorder, Diagnostics.create()).maxPendingBytes(16 * 1024 * 1024).start();
        Flight flight = new Flight()) {
      try (RawPeer slow = RawPeer.connect(server, /* receiveBuffer= */ 16 * 1024)) {
        slow.send("go");
        recorder.expect("connect", "message go");
        assertThat(slow.receive()).hasSize(8 * 1024 * 1024);
        RecordedEvent stalled = flight.await("WriteStalled");
        assertThat(stalled.getBoolean("caughtUp")).isTrue();
        assertThat(stalled.getDuration("stalledFor")).isBetween(Duration.ofNanos(1), minute());
        assertThat(stalled.getString("peer"))
            .isEqualTo(slow.socket().getLocalSocketAddress().toString());
        recorder.expect("writable");
      }
      try (RawPeer gone = RawPeer.connect(server, /* receiveBuffer= */ 16 * 1024)) {
        gone.send("go");
        recorder.connection();
        Connection<String> second = recorder.connection();
        Eventually.holds("output stalls", () -> second.pendingBytes() > 1_000_000);
        gone.reset();
        String name = second.remoteAddress().toString();
        Eventually.holds(
            "it has not caught up",
            () -> flight.events.stream().anyMatch(event -> isStallWithoutRecovery(event, name)));
      }
    }
  }

  private static boolean isStallWithoutRecovery(RecordedEvent event, String peer) {
    return Flight.isNamed(event, "WriteStalled")
        && event.getString("peer").equals(peer)
        && !event.getBoolean("caughtUp");
  }

  private static void sendMuch(Connection<String> connection) {
    connection.send("x".repeat(8 * 1024 * 1024));
  }

  @Test
  void flightRecorderSeesThatAcceptingPauses() throws Exception {
    try (Flight flight = new Flight();
        Server server = server(Handler.replying(text -> text), Diagnostics.create()).start()) {
      Diagnostics.create()
          .acceptPaused(
              server,
              new InetSocketAddress(InetAddress.getLoopbackAddress(), 5000),
              new Exception("too many"));
      RecordedEvent paused = flight.await("AcceptPaused");
      assertThat(paused.getString("listener")).isEqualTo("localhost/127.0.0.1:5000");
      assertThat(paused.getString("cause")).isEqualTo("java.lang.Exception: too many");
    }
  }

  @Test
  void endedLoopsAreForgotten() throws Exception {
    Diagnostics diagnostics = Diagnostics.create();
    server(Handler.replying(text -> text), diagnostics).start().close();
    try (Server server = server(Handler.replying(text -> text), diagnostics).start()) {
      Eventually.holds(
          "both loops were asked",
          () ->
              diagnostics.loopLags().size() == 2
                  && diagnostics.loopLags().stream().allMatch(l -> l.count() > 2));
      assertThat(server.port()).isPositive();
    }
  }

  @Test
  void nullListenerIsRefused() {
    assertThatThrownBy(() -> Diagnostics.create(null))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("onBlocked");
  }

  // Histogram, with a clock that the test moves.

  @Test
  void lagsAreRanked() {
    LagWindow window = new LagWindow(/* windowNanos= */ 1_000);
    for (int i = 1; i <= 1_000; i++) {
      window.add(i * 1_000L, /* now= */ 0);
    }
    Diagnostics.LoopLag lag = window.lag("loop", 0);
    assertThat(lag.loop()).isEqualTo("loop");
    assertThat(lag.count()).isEqualTo(1_000);
    assertThat(lag.median().toNanos()).isBetween(500_000L, 563_000L);
    assertThat(lag.p99().toNanos()).isBetween(990_000L, 1_000_000L);
    assertThat(lag.max().toNanos()).isEqualTo(1_000_000);
  }

  @Test
  void lagsAreForgottenAfterTwoWindows() {
    LagWindow window = new LagWindow(/* windowNanos= */ 1_000);
    window.add(7, 0);
    window.add(5, 1_500);
    assertThat(window.lag("loop", 1_999)).isEqualTo(lag(2, 7, 7, 7));
    assertThat(window.lag("loop", 2_600)).isEqualTo(lag(1, 5, 5, 5));
    assertThat(window.lag("loop", 9_000)).isEqualTo(lag(0, 0, 0, 0));
  }

  private static Diagnostics.LoopLag lag(long count, long median, long p99, long max) {
    List<Duration> nanos = List.of(median, p99, max).stream().map(Duration::ofNanos).toList();
    return new Diagnostics.LoopLag("loop", count, nanos.get(0), nanos.get(1), nanos.get(2));
  }

  @Test
  void lagsOfAnyLengthAreCounted() {
    LagWindow window = new LagWindow(1_000);
    for (long nanos : new long[] {0, 1, 7, 8, 9, 15, 16, 1L << 40, Long.MAX_VALUE}) {
      LagWindow one = new LagWindow(1_000);
      one.add(nanos, 0);
      assertThat(one.lag("loop", 0).max().toNanos()).isEqualTo(nanos);
      if (nanos < 1L << 30) {
        assertThat(one.lag("loop", 0).median().toNanos()).isEqualTo(nanos);
      }
      window.add(nanos, 0);
    }
    assertThat(window.lag("loop", 0).count()).isEqualTo(9);
  }
}
