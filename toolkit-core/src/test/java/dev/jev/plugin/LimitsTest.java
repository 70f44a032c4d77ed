package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.Plugin;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import dev.jev.plugin.Limits.RateLimitAction;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Tests the limits over real sockets. */
class LimitsTest {

  private final Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
  private final LogCapture log = new LogCapture("dev.jev");
  private final List<Socket> sockets = new ArrayList<>();

  private static Limits limits(Consumer<Limits.Builder> options) {
    Limits.Builder builder = Limits.builder();
    options.accept(builder);
    return builder.build();
  }

  private Server start(Plugin... plugins) {
    return start(recorder, plugins);
  }

  private static Server start(Handler<String, String> handler, Plugin... plugins) {
    Server.Builder<String, String> builder =
        Server.<String, String>builder(Texts::new, handler)
            .listen("127.0.0.1:0")
            .lingeringCloseTimeout(Duration.ofMillis(200))
            .eventLoops(2);
    for (Plugin plugin : plugins) {
      builder.plugin(plugin);
    }
    return builder.start();
  }

  /** Connects from one of the many loopback addresses. */
  private Socket connectFrom(String address, Server server) throws Exception {
    Socket socket = new Socket();
    sockets.add(socket);
    socket.setSoTimeout(10_000);
    socket.bind(new InetSocketAddress(address, 0));
    socket.connect(server.addresses().get(0));
    return socket;
  }

  private static void expectEcho(Socket socket) throws Exception {
    byte[] frame = RawPeer.frames("echo");
    socket.getOutputStream().write(frame);
    assertThat(socket.getInputStream().readNBytes(frame.length)).isEqualTo(frame);
  }

  private static void expectEnd(Socket socket) throws Exception {
    assertThat(socket.getInputStream().read()).isEqualTo(-1);
  }

  private static double secondsSince(long start) {
    return (System.nanoTime() - start) / 1e9;
  }

  @AfterEach
  void close() throws Exception {
    for (Socket socket : sockets) {
      socket.close();
    }
    log.close();
  }

  // Connections.

  @Test
  void connectionsPerAddressAreLimited() throws Exception {
    Limits limits = limits(l -> l.connectionsPerAddress(2));
    long start = System.nanoTime();
    try (Server server = start(limits)) {
      expectEcho(connectFrom("127.0.0.1", server));
      Socket second = connectFrom("127.0.0.1", server);
      expectEcho(second);
      expectEnd(connectFrom("127.0.0.1", server));
      expectEnd(connectFrom("127.0.0.1", server));
      expectEcho(connectFrom("127.0.0.2", server));
      assertThat(limits.refused()).isEqualTo(2);
      assertThat(limits.closed()).isZero();
      second.close();
      Eventually.holds("one connection is closed", () -> server.connectionCount() == 2);
      expectEcho(connectFrom("127.0.0.1", server));
      assertThat(log.messages("connection refused"))
          .hasSizeBetween(1, 1 + (int) secondsSince(start)) // one per second
          .startsWith("connection refused: limit of 2 for 127.0.0.1 reached");
    }
    assertThat(limits.networkCount()).isZero();
  }

  @Test
  void connectionsPerSubnetAreLimited() throws Exception {
    Limits limits = limits(l -> l.connectionsPerAddress(2).connectionsPerSubnet(3, 24, 64));
    try (Server server = start(limits)) {
      expectEcho(connectFrom("127.0.0.1", server));
      expectEcho(connectFrom("127.0.0.1", server));
      expectEnd(connectFrom("127.0.0.1", server)); // does not count for the subnet
      expectEcho(connectFrom("127.0.0.2", server));
      expectEnd(connectFrom("127.0.0.3", server)); // does not count for its address
      expectEcho(connectFrom("127.0.1.1", server));
      assertThat(limits.refused()).isEqualTo(2);
      assertThat(limits.networkCount()).isEqualTo(5);
    }
    assertThat(limits.networkCount()).isZero();
  }

  @Test
  void addressSetByAnotherPluginCounts() throws Exception {
    Plugin proxy =
        new Plugin() {
          @Override
          public Stage stage() {
            return Stage.ADDRESS;
          }

          @Override
          public Observer install(Link link) {
            InetSocketAddress socket = (InetSocketAddress) link.connection().remoteAddress();
            boolean odd = socket.getAddress().getAddress()[3] % 2 == 1;
            InetSocketAddress real = new InetSocketAddress(odd ? "10.0.0.1" : "10.0.0.2", 1);
            link.addresses(real, link.connection().localAddress());
            return new Observer() {};
          }
        };
    Limits limits = limits(l -> l.connectionsPerAddress(1));
    try (Server server = start(limits, proxy)) { // the stages decide the order
      expectEcho(connectFrom("127.0.0.1", server));
      expectEcho(connectFrom("127.0.0.2", server));
      expectEnd(connectFrom("127.0.0.3", server));
      assertThat(log.messages("limit of 1 for 10.0.0.1")).hasSize(1);
    }
    assertThat(limits.networkCount()).isZero();
  }

  @Test
  void silentPeersCountWhereAProxyHeaderIsOptional() throws Exception {
    Limits limits = limits(l -> l.connectionsPerAddress(3));
    try (Server server = start(limits, ProxyProtocol.optional("10.0.0.0/8"))) {
      for (int i = 0; i < 50; i++) {
        connectFrom("127.0.0.1", server);
      }
      Eventually.holds("47 are refused", () -> limits.refused() == 47);
      Eventually.holds("3 are open", () -> server.connectionCount() == 3);
      recorder.expect("connect", "connect", "connect");
      recorder.expectNothingMore();
    }
  }

  @Test
  void trustedPeersWithoutAProxyHeaderCountAsSoonAsTheySpeak() throws Exception {
    Limits limits = limits(l -> l.connectionsPerAddress(3));
    try (Server server = start(limits, ProxyProtocol.optional("127.0.0.0/8"))) {
      for (int i = 0; i < 3; i++) {
        expectEcho(connectFrom("127.0.0.1", server));
      }
      Socket fourth = connectFrom("127.0.0.1", server);
      fourth.getOutputStream().write(RawPeer.frames("echo"));
      expectEnd(fourth);
      assertThat(limits.refused()).isEqualTo(1);
    }
  }

  @Test
  void refusedConnectionsAreNeverSeenByTheHandlerAndLeakNothing() throws Exception {
    Limits limits = limits(l -> l.connectionsPerAddress(1));
    try (Server server = start(limits)) {
      expectEcho(connectFrom("127.0.0.1", server));
      for (int i = 0; i < 500; i++) {
        expectEnd(connectFrom("127.0.0.1", server));
      }
      Eventually.holds("one connection is left", () -> server.connectionCount() == 1);
      assertThat(limits.refused()).isEqualTo(500);
      recorder.expect("connect", "message echo");
      recorder.expectNothingMore();
    }
  }

  // Accept rate.

  @Test
  void connectionsAreAcceptedAtTheRateAndNoneIsRefused() throws Exception {
    Limits limits = limits(l -> l.acceptRate(/* perSecond= */ 50, /* burst= */ 10));
    try (Server server = start(limits)) {
      long start = System.nanoTime();
      for (int i = 0; i < 60; i++) {
        connectFrom("127.0.0.1", server); // the kernel's queue takes them at once
      }
      for (int i = 0; i < 60; i++) {
        recorder.connection();
      }
      assertThat(secondsSince(start)).isGreaterThan(0.6); // the last few may be a batch of one
      for (Socket socket : sockets) {
        expectEcho(socket);
      }
      assertThat(limits.refused()).isZero();
    }
  }

  @Test
  void serversWithOneInstanceHaveTheirOwnAcceptRates() throws Exception {
    int burst = 40;
    Limits limits = limits(l -> l.acceptRate(/* perSecond= */ 1, burst));
    try (Server one = start(limits);
        Server other = start(limits)) {
      long start = System.nanoTime();
      for (int i = 0; i < burst; i++) {
        expectEcho(connectFrom("127.0.0.1", one));
        expectEcho(connectFrom("127.0.0.1", other));
      }
      assertThat(secondsSince(start)).isLessThan(burst - 10); // with one rate it is the burst
      for (int i = 0; i < 3; i++) {
        expectEcho(connectFrom("127.0.0.1", one)); // one may come at once
      }
      assertThat(secondsSince(start)).isGreaterThan(1.8);
    }
  }

  @Test
  void serverStopsWhileConnectionsAreDelayed() throws Exception {
    Limits limits = limits(l -> l.acceptRate(/* perSecond= */ 1, /* burst= */ 1));
    Server server = start(limits);
    expectEcho(connectFrom("127.0.0.1", server));
    for (int i = 0; i < 50; i++) {
      connectFrom("127.0.0.1", server);
    }
    long start = System.nanoTime();
    server.close();
    assertThat(secondsSince(start)).isLessThan(40);
  }

  // Rates per connection.

  @Test
  void messagesBeyondTheRateAreDelayedAndInOrder() throws Exception {
    Limits limits = limits(l -> l.messageRate(/* perSecond= */ 100, /* burst= */ 20));
    try (Server server = start(limits);
        RawPeer peer = RawPeer.connect(server)) {
      String[] texts = new String[80];
      Arrays.setAll(texts, i -> "text " + i);
      long start = System.nanoTime();
      peer.send(texts);
      for (String text : texts) {
        assertThat(peer.receive()).isEqualTo(text);
      }
      assertThat(secondsSince(start)).isGreaterThan(0.6);
      assertThat(limits.closed()).isZero();
    }
  }

  @Test
  void connectionWithTooManyMessagesIsClosedIfThatIsThePolicy() throws Exception {
    Limits limits =
        limits(l -> l.messageRate(1, /* burst= */ 5).onRateExceeded(RateLimitAction.CLOSE));
    try (Server server = start(limits);
        RawPeer peer = RawPeer.connect(server)) {
      peer.send("0", "1", "2", "3", "4", "5", "6");
      assertThat(peer.readAll()).isEqualTo(RawPeer.frames("0", "1", "2", "3", "4"));
      recorder.expect("connect", "message 0", "message 1", "message 2", "message 3", "message 4");
      recorder.expect("close LIMIT");
      Eventually.holds("the close is counted", () -> limits.closed() == 1);
      assertThat(log.messages("message rate"))
          .singleElement()
          .asString()
          .startsWith("connection to /127.0.0.1:")
          .endsWith(" closed: message rate limit of 1 per second exceeded");
    }
    recorder.expectNothingMore();
    assertThat(limits.closed()).isEqualTo(1);
  }

  @Test
  void bytesBeyondTheRateAreDelayedAndInOrder() throws Exception {
    Limits limits = limits(l -> l.byteRate(/* perSecond= */ 200_000, /* burst= */ 20_000));
    try (Server server = start(limits);
        RawPeer peer = RawPeer.connect(server)) {
      String[] texts = new String[160];
      Arrays.setAll(texts, i -> "%4d".formatted(i).repeat(250)); // 1,004 bytes with the length
      long start = System.nanoTime();
      peer.send(texts);
      for (String text : texts) {
        assertThat(peer.receive()).isEqualTo(text);
      }
      assertThat(secondsSince(start)).isGreaterThan(0.35); // the last read causes no delay
    }
  }

  @Test
  void connectionWithTooManyBytesIsClosedIfThatIsThePolicy() throws Exception {
    Limits limits =
        limits(l -> l.byteRate(1_000, /* burst= */ 1_000).onRateExceeded(RateLimitAction.CLOSE));
    try (Server server = start(limits);
        RawPeer peer = RawPeer.connect(server)) {
      peer.send("x".repeat(900));
      assertThat(peer.receive()).hasSize(900);
      peer.send("x".repeat(2_000));
      peer.expectEnd();
      Eventually.holds("the close is counted", () -> limits.closed() == 1);
      assertThat(log.messages("byte rate limit of 1000 per second exceeded")).hasSize(1);
    }
  }

  /** The bytes of an incomplete frame stay in the buffer that the next ones are read into. */
  @Test
  void byteOfALongFrameCountsOnceForTheRate() throws Exception {
    Limits limits =
        limits(l -> l.byteRate(1, /* burst= */ 800_000).onRateExceeded(RateLimitAction.CLOSE));
    try (Server server = start(limits);
        RawPeer peer = RawPeer.connect(server)) {
      String text = "x".repeat(700_000);
      peer.send(text);
      assertThat(peer.receive()).isEqualTo(text);
      assertThat(limits.closed()).isZero();
    }
  }

  @Test
  void delayedConnectionThatClosesLeavesNoTimer() throws Exception {
    Limits limits = limits(l -> l.messageRate(1, 1).byteRate(1, 10));
    try (Server server = start(limits)) {
      for (int i = 0; i < 10; i++) {
        RawPeer peer = RawPeer.connect(server);
        peer.send("a", "b");
        assertThat(peer.receive()).isEqualTo("a");
        recorder.connection().closeNow();
        peer.close();
      }
      Eventually.holds("all connections are closed", () -> server.connectionCount() == 0);
    }
  }

  // Timeouts.

  @Test
  void silentConnectionIsClosedAtTheFirstMessageTimeout() throws Exception {
    Limits limits = limits(l -> l.firstMessageTimeout(Duration.ofSeconds(3)));
    try (Server server = start(limits);
        RawPeer talking = RawPeer.connect(server)) {
      talking.send("hello");
      assertThat(talking.receive()).isEqualTo("hello");
      recorder.expect("connect", "message hello");
      long start = System.nanoTime();
      RawPeer silent = RawPeer.connect(server);
      silent.expectEnd();
      assertThat(secondsSince(start)).isGreaterThanOrEqualTo(3);
      silent.close();
      recorder.expect("connect", "close TIMEOUT");
      Eventually.holds("the close is counted", () -> limits.closed() == 1);
      assertThat(log.messages("closed: no message within PT3S")).hasSize(1);
      talking.send("still there");
      assertThat(talking.receive()).isEqualTo("still there");
    }
  }

  @Test
  void partOfAFirstMessageDoesNotExtendTheTimeout() throws Exception {
    Limits limits = limits(l -> l.firstMessageTimeout(Duration.ofMillis(300)));
    long start = System.nanoTime();
    try (Server server = start(limits);
        RawPeer peer = RawPeer.connect(server)) {
      peer.write(RawPeer.length(1_000));
      dripUntilClosed(peer);
      assertThat(secondsSince(start)).isGreaterThanOrEqualTo(0.3);
      peer.reset();
      recorder.expect("connect", "close TIMEOUT");
    }
  }

  /** Writes a byte now and then until the connection is closed. */
  private static void dripUntilClosed(RawPeer peer) throws Exception {
    peer.socket().setSoTimeout(40);
    try {
      while (isSilent(peer)) {
        peer.write(new byte[] {'x'});
      }
    } catch (SocketException e) {
      // A byte that came long after the end was answered with a reset.
    }
  }

  private static boolean isSilent(RawPeer peer) throws Exception {
    try {
      peer.read();
      return false;
    } catch (SocketTimeoutException e) {
      return true;
    }
  }

  @Test
  void connectionWhosePeerDoesNotReadIsClosedAtTheWriteStallTimeout() throws Exception {
    Limits limits = limits(l -> l.writeStallTimeout(Duration.ofMillis(800)));
    try (Server server = start(limits);
        RawPeer stuck = RawPeer.connect(server, /* receiveBuffer= */ 4_096)) {
      Connection<String> connection = recorder.connection();
      recorder.expect("connect");
      long start = System.nanoTime();
      fillPendingBytes(connection, 400_000);
      try (RawPeer other = RawPeer.connect(server)) {
        other.send("others are unaffected");
        assertThat(other.receive()).isEqualTo("others are unaffected");
        recorder.await("close TIMEOUT"); // before or after the events of the other one
        assertThat(secondsSince(start)).isGreaterThanOrEqualTo(0.8);
        assertThat(stuck.read(100)).hasSize(100); // taken by the kernel earlier
        other.send("still");
        assertThat(other.receive()).isEqualTo("still");
      }
      Eventually.holds("the close is counted", () -> limits.closed() == 1);
      assertThat(log.messages("closed: socket took no output within PT0.8S")).hasSize(1);
    }
  }

  @Test
  void peerThatReadsSlowlyStaysConnected() throws Exception {
    Limits limits = limits(l -> l.writeStallTimeout(Duration.ofSeconds(3)));
    try (Server server = start(limits);
        RawPeer slow = RawPeer.connect(server, /* receiveBuffer= */ 65_536)) {
      Connection<String> connection = recorder.connection();
      fillPendingBytes(connection, 950_000);
      long start = System.nanoTime();
      while (secondsSince(start) < 4.5) { // longer than a peer may stay that does not read
        slow.read(4_000);
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
      }
      assertThat(connection.isOpen()).isTrue();
      assertThat(connection.pendingBytes()).isPositive();
      assertThat(limits.closed()).isZero();
    }
  }

  @Test
  void peerThatReadsAgainInTimeGetsEverythingInOrder() throws Exception {
    Limits limits = limits(l -> l.writeStallTimeout(Duration.ofSeconds(8)));
    try (Server server = start(limits);
        RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 65_536)) {
      Connection<String> connection = recorder.connection();
      String[] texts = new String[40];
      Arrays.setAll(texts, i -> ("text " + i + " ").repeat(2_000));
      for (String text : texts) {
        assertThat(connection.send(text)).isTrue();
      }
      LockSupport.parkNanos(Duration.ofMillis(1_200).toNanos()); // so that it is checked
      assertThat(connection.pendingBytes()).isPositive();
      for (String text : texts) {
        assertThat(peer.receive()).isEqualTo(text);
      }
      assertThat(limits.closed()).isZero();
    }
  }

  // Buffer budget.

  @Test
  void largestConnectionIsClosedWhenTheBudgetIsUsedUp() throws Exception {
    Limits limits = limits(l -> l.bufferBudget(600_000));
    try (Server server = start(limits);
        RawPeer smallPeer = RawPeer.connect(server, /* receiveBuffer= */ 4_096)) {
      Connection<String> smallConnection = recorder.connection();
      fillPendingBytes(smallConnection, 50_000);
      try (RawPeer largePeer = RawPeer.connect(server, /* receiveBuffer= */ 4_096)) {
        Connection<String> largeConnection = recorder.connection();
        fillPendingBytes(largeConnection, 700_000);
        Eventually.holds("the largest connection is closed", () -> !largeConnection.isOpen());
        assertThat(largePeer.read(100)).hasSize(100); // taken by the kernel earlier
        Eventually.holds("the close is counted", () -> limits.closed() == 1);
      }
      Eventually.holds("remaining bytes are counted", () -> limits.bufferedBytes() < 600_000);
      assertThat(limits.bufferedBytes()).isPositive();
      assertThat(smallConnection.isOpen()).isTrue();
      assertThat(smallPeer.read(100)).hasSize(100);
      assertThat(log.messages("95 % of the buffer budget of 600000 bytes exceeded")).hasSize(1);
    }
    assertThat(limits.bufferedBytes()).isZero();
  }

  /** Sends until at least {@code bytes} are pending because the socket takes no more. */
  private static void fillPendingBytes(Connection<String> connection, int bytes) throws Exception {
    AtomicInteger unchanged = new AtomicInteger();
    Eventually.holds(
        bytes + " bytes are pending",
        () -> {
          while (connection.pendingBytes() < bytes && connection.send("x".repeat(10_000))) {
            unchanged.set(0);
          }
          return unchanged.incrementAndGet() > 50;
        });
  }

  @Test
  void readingFromTheLargestConnectionPausesNearTheBudget() throws Exception {
    Limits limits = limits(l -> l.bufferBudget(1_000_000));
    Recorder<String, String> silent = Recorder.silent();
    try (Server server =
            Server.<String, String>builder(Texts::new, silent)
                .listen("127.0.0.1:0")
                .eventLoops(1) // so that messages are delivered in order, unless reading pauses
                .writeWatermarks(
                    100_000, 1_000_000) // so that the server itself does not pause reading
                .plugin(limits)
                .start();
        RawPeer largePeer = RawPeer.connect(server, /* receiveBuffer= */ 4_096)) {
      Connection<String> largeConnection = silent.connection();
      RawPeer smallPeer = RawPeer.connect(server);
      silent.expect("connect", "connect");
      fillPendingBytes(largeConnection, 700_000);
      largePeer.send("below the threshold");
      silent.await("message below the threshold");
      fillPendingBytes(largeConnection, 850_000);
      Eventually.holds("the bytes are counted", () -> limits.bufferedBytes() > 800_000);
      largePeer.send("above the threshold");
      smallPeer.send("from a small connection");
      silent.await("message from a small connection");
      silent.expectNothingMore();
      Thread reader = new Thread(() -> readAll(largePeer));
      reader.start();
      silent.expect("message above the threshold");
      assertThat(limits.closed()).isZero();
      largeConnection.closeNow();
      reader.join();
      smallPeer.close();
    }
  }

  private static void readAll(RawPeer peer) {
    try {
      peer.readAll();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // Configuration.

  @Test
  void optionsAreCheckedAtOnce() {
    Limits.Builder builder = Limits.builder();
    assertThatThrownBy(() -> builder.connectionsPerAddress(0))
        .hasMessage("max: 0 (expected: 1..2147483647)");
    assertThatThrownBy(() -> builder.connectionsPerSubnet(1, 0, 64))
        .hasMessage("prefix4: 0 (expected: 1..32)");
    assertThatThrownBy(() -> builder.connectionsPerSubnet(1, 24, 129))
        .hasMessage("prefix6: 129 (expected: 1..128)");
    assertThatThrownBy(() -> builder.acceptRate(0, 1))
        .hasMessage("perSecond: 0 (expected: 1..1073741824)");
    assertThatThrownBy(() -> builder.messageRate(1, 0))
        .hasMessage("burst: 0 (expected: 1..1073741824)");
    assertThatThrownBy(() -> builder.byteRate(-1, 1))
        .hasMessage("perSecond: -1 (expected: 1..1073741824)");
    assertThatThrownBy(() -> builder.onRateExceeded(null)).hasMessage("action");
    assertThatThrownBy(() -> builder.firstMessageTimeout(Duration.ofMillis(9)))
        .hasMessage("firstMessageTimeout: PT0.009S (expected: >= PT0.01S)");
    assertThatThrownBy(() -> builder.writeStallTimeout(Duration.ZERO))
        .hasMessage("writeStallTimeout: PT0S (expected: > PT0S and <= PT87600H)");
    assertThatThrownBy(() -> builder.bufferBudget(0))
        .hasMessage("bufferBudget: 0 (expected: 1..9223372036854775807)");
  }

  @Test
  void withoutOptionsThereIsNoLimit() throws Exception {
    try (Server server = start(Limits.builder().build());
        RawPeer peer = RawPeer.connect(server)) {
      peer.send("hello");
      assertThat(peer.receive()).isEqualTo("hello");
    }
  }
}
