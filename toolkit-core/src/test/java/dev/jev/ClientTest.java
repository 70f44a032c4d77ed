package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** One connection from a client to a server. {@link ReconnectTest} has the next ones. */
class ClientTest {

  private final Recorder<String, String> atServer =
      new Recorder<>((connection, text) -> connection.send(text));
  private final Recorder<String, String> recorder = Recorder.silent();

  @AfterEach
  void nothingIsLeft() throws Exception {
    Eventually.noServerThreadIsLeft();
  }

  private Server.Builder<String, String> server() {
    return Server.<String, String>builder(Texts::new, atServer)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(1);
  }

  private Client.Builder<String, String> client() {
    return Client.builder(Texts::new, recorder);
  }

  private static String uri(Server server) {
    return "tcp://127.0.0.1:" + server.port();
  }

  static <T> T get(CompletionStage<T> stage) throws Exception {
    return stage.toCompletableFuture().get(10, TimeUnit.SECONDS);
  }

  static Throwable failure(CompletionStage<?> stage) throws Exception {
    try {
      get(stage);
      throw new AssertionError("it did not fail");
    } catch (ExecutionException e) {
      return e.getCause();
    }
  }

  /** Waits until only the threads of a server are left: its event loops and the watchdog. */
  static void onlyThreadsAreThoseOf(Server server) throws Exception {
    int expected = server.eventLoops().count() + 1;
    Eventually.holds("few threads", () -> Eventually.serverThreads().size() == expected);
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void messagesGoBothWays(Transport transport) throws Exception {
    try (Server server = server().start()) {
      Client<String> client = client().transport(transport).connect(uri(server));
      Connection<String> connection = get(client.connected());
      assertThat(client.connection()).isSameAs(connection);
      assertThat(client.isConnected()).isTrue();
      assertThat(client.send("one")).isTrue();
      assertThat(connection.send("two")).isTrue();
      get(client.deliver("three").written());
      recorder.expect("connect", "message one", "message two", "message three");
      client.close();
      recorder.expect("close CLOSED");
      atServer.expect("connect", "message one", "message two", "message three");
      atServer.expect("close PEER_CLOSED");
      recorder.expectNothingMore();
      assertThat(client.connection()).isNull();
      assertThat(client.isConnected()).isFalse();
      assertThat(recorder.threads()).allMatch(name -> name.startsWith("jev-loop"));
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void remoteAddressKnowsTheNameThatWasAskedFor(Transport transport) throws Exception {
    try (Server server = server().start();
        Client<String> client =
            client().transport(transport).connect("tcp4://localhost:" + server.port())) {
      Connection<String> connection = get(client.connected());
      InetSocketAddress remote = (InetSocketAddress) connection.remoteAddress();
      assertThat(remote.getHostString()).isEqualTo("localhost");
      assertThat(remote.getPort()).isEqualTo(server.port());
      assertThat(connection.listener()).isEqualTo(connection.localAddress());
      assertThat(atServer.connection().remoteAddress()).isEqualTo(connection.localAddress());
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void refusedConnectionFailsWithTheAddress(Transport transport) throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    Client<String> client = client().transport(transport).connect("tcp://127.0.0.1:" + port);
    assertThat(failure(client.connected()))
        .isInstanceOf(ConnectException.class)
        .hasMessage("cannot connect to tcp://127.0.0.1:" + port + ": Connection refused");
    recorder.expectNothingMore();
    Eventually.noServerThreadIsLeft(); // it has closed itself
    client.close();
  }

  @Test
  void unknownHostFailsWithTheAddress() throws Exception {
    try (Client<String> client =
        client()
            .resolver(
                host -> {
                  throw new UnknownHostException(host + ": Name or service not known");
                })
            .connect("tcp://nowhere.invalid:80")) {
      assertThat(failure(client.connected()))
          .isInstanceOf(ConnectException.class)
          .hasMessage(
              "cannot connect to tcp://nowhere.invalid:80:"
                  + " nowhere.invalid: Name or service not known")
          .hasCauseInstanceOf(UnknownHostException.class);
    }
  }

  @Test
  void handshakeThatFailsIsAFailedAttempt() throws Exception {
    class Refusing implements Protocol<String, String> {
      @Override
      public void open(ProtocolContext context) {
        throw new ProtocolException("version: 1 (expected: 2)");
      }

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        return null;
      }

      @Override
      public void pack(String message, ByteBuf out) {}
    }
    try (Server server = server().start();
        Client<String> client =
            Client.<String, String>builder(Refusing::new, recorder).connect(uri(server))) {
      assertThat(failure(client.connected()))
          .hasMessage(
              "cannot connect to "
                  + uri(server)
                  + ": closed before it was ready: PROTOCOL_ERROR: version: 1 (expected: 2)")
          .hasCauseInstanceOf(ProtocolException.class);
      recorder.expectNothingMore();
    }
  }

  @Test
  void handshakeHasATimeOfItsOwn() throws Exception {
    class Silent implements Protocol<String, String> {
      @Override
      public void open(ProtocolContext context) {}

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        return null;
      }

      @Override
      public void pack(String message, ByteBuf out) {}
    }
    try (Server server = server().start();
        Client<String> client =
            Client.<String, String>builder(Silent::new, recorder)
                .handshakeTimeout(Duration.ofMillis(50))
                .connect(uri(server))) {
      assertThat(failure(client.connected()))
          .hasMessageEndingWith(": closed before it was ready: TIMEOUT");
    }
  }

  @Test
  void protocolThatCannotBeMadeIsAFailedAttempt() throws Exception {
    try (Server server = server().start();
        Client<String> client =
            Client.<String, String>builder(
                    () -> {
                      throw new IllegalStateException("no more protocols");
                    },
                    recorder)
                .connect(uri(server))) {
      assertThat(failure(client.connected()))
          .hasMessageStartingWith("cannot connect to " + uri(server))
          .hasMessageEndingWith("no more protocols");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      value = {
        "tcp://:80 ~ host: none (expected: one) in tcp://:80",
        "tcp://a:80?b=c ~ option: b=c (expected: none) in tcp://a:80?b=c",
        "tcp://a:0 ~ port: 0 (expected: 1..65535)",
        "tcp://a:65536 ~ port: 65536 (expected: 0..65535)",
        "tls://a:443 ~ scheme: tls (expected: tcp; TLS is a plugin, add Tls.client() to the"
            + " builder)",
        "local://a ~ transport: AUTO (expected: LOCAL, for an address local://) for local://a",
      })
  void addressThatIsNoneIsRefused(String uri, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> client().connect(uri))
        .withMessage(message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "localhost", "tcp://a:80/b", "tcp://::1:80", "http://a:80", "a:b:c"})
  void addressThatCannotBeReadIsRefused(String uri) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> client().connect(uri))
        .withMessageMatching("(address|scheme): .* \\(expected: .*tcp.*\\)");
  }

  @Test
  void addressWithoutASchemeIsTcp() throws Exception {
    try (Server server = server().start();
        Client<String> client = client().connect("127.0.0.1:" + server.port())) {
      assertThat(get(client.connected()).isOpen()).isTrue();
    }
  }

  @Test
  void durationsThatAreNoneAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> client().connectTimeout(Duration.ZERO))
        .withMessage("connectTimeout: PT0S (expected: > PT0S and <= PT87600H)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> client().reconnect(Duration.ZERO, Duration.ofSeconds(1)))
        .withMessage("minBackoff: PT0S (expected: > PT0S and <= PT87600H)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> client().reconnect(Duration.ofSeconds(1), Duration.ofSeconds(-1)))
        .withMessage("maxBackoff: PT-1S (expected: > PT0S and <= PT87600H)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> client().reconnect(Duration.ofSeconds(2), Duration.ofSeconds(1)))
        .withMessage("minBackoff: PT2S (expected: <= maxBackoff PT1S)");
  }

  @Test
  void contradictingLimitsAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> client().maxPendingBytes(1).connect("tcp://127.0.0.1:1"))
        .withMessage("maxPendingBytes: 1 (expected: >= high watermark 262144)");
  }

  @Test
  void sendWithoutAConnectionReturnsFalse() throws Exception {
    try (Blackhole nowhere = new Blackhole("127.0.0.1", 0);
        Client<ByteBuf> client =
            Client.<ByteBuf, ByteBuf>builder(Buffers::new, Recorder.silent())
                .connect("tcp://127.0.0.1:" + nowhere.port())) {
      ByteBuf message = Unpooled.buffer().writeInt(1);
      assertThat(client.send(message)).isFalse();
      assertThat(message.refCnt()).isZero();
      Delivery delivery = client.deliver(Unpooled.buffer());
      assertThat(delivery.outcome()).isEqualTo(Delivery.Outcome.CLOSED);
      assertThat(failure(delivery.written())).isInstanceOf(ClosedChannelException.class);
      assertThat(client.isConnected()).isFalse();
      assertThat(client.connection()).isNull();
    }
  }

  @Test
  void connectMayLastItsTimeAndNoLonger() throws Exception {
    try (Blackhole nowhere = new Blackhole("127.0.0.1", 0)) {
      long start = System.nanoTime();
      try (Client<String> client =
          client()
              .connectTimeout(Duration.ofMillis(300))
              .connect("tcp://127.0.0.1:" + nowhere.port())) {
        assertThat(failure(client.connected()))
            .isInstanceOf(SocketTimeoutException.class)
            .hasMessage(
                "cannot connect to tcp://127.0.0.1:"
                    + nowhere.port()
                    + ": no answer within PT0.3S");
        assertThat(System.nanoTime() - start)
            .isGreaterThanOrEqualTo(Duration.ofMillis(300).toNanos());
      }
    }
  }

  @Test
  void connectTimeIncludesTheLookUp() throws Exception {
    CountDownLatch lookUp = new CountDownLatch(1);
    try (Client<String> client =
        client()
            .connectTimeout(Duration.ofMillis(100))
            .resolver(
                host -> {
                  await(lookUp);
                  return InetAddress.getAllByName("127.0.0.1");
                })
            .connect("tcp://name:1")) {
      assertThat(failure(client.connected()))
          .hasMessage("cannot connect to tcp://name:1: no answer within PT0.1S");
    } finally {
      lookUp.countDown();
    }
  }

  private static InetAddress[] addresses(String first, String second) throws UnknownHostException {
    return new InetAddress[] {
      InetAddress.getAllByName(first)[0], InetAddress.getAllByName(second)[0]
    };
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX) // where all of 127/8 is local
  void addressThatDoesNotAnswerIsOvertaken() throws Exception {
    try (Server server = server().start();
        Blackhole nowhere = new Blackhole("127.0.0.2", server.port())) {
      assertThat(nowhere.port()).isEqualTo(server.port());
      long start = System.nanoTime();
      try (Client<String> client =
          client()
              .connectTimeout(Duration.ofMinutes(1)) // longer than the test waits
              .resolver(host -> addresses("127.0.0.2", "127.0.0.1"))
              .connect("tcp://name:" + server.port())) {
        Connection<String> connection = get(client.connected());
        assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(ConnectAttempt.STAGGER_NANOS);
        assertThat(((InetSocketAddress) connection.remoteAddress()).getAddress().getHostAddress())
            .isEqualTo("127.0.0.1");
      }
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX) // where all of 127/8 is local
  void addressThatRefusesIsSkipped() throws Exception {
    try (Server server = server().start()) {
      try (Client<String> client =
          client()
              .resolver(host -> addresses("127.0.0.3", "127.0.0.1"))
              .connect("tcp://name:" + server.port())) {
        get(client.connected());
        assertThat(client.send("hi")).isTrue();
        recorder.expect("connect", "message hi");
      }
    }
  }

  @Test
  void sendInOnConnectIsTheFirst() throws Exception {
    AtomicReference<Client<String>> self = new AtomicReference<>();
    CountDownLatch made = new CountDownLatch(1);
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            await(made);
            Client<String> client = self.get();
            assertThat(client.connection()).isSameAs(connection);
            assertThat(client.send("hello")).isTrue();
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {}
        };
    try (Server server = server().start();
        Client<String> client = Client.builder(Texts::new, handler).connect(uri(server))) {
      self.set(client);
      made.countDown();
      get(client.connected()).send("then");
      atServer.expect("connect", "message hello", "message then");
    }
  }

  @Test
  void clientWithoutReconnectClosesItselfWithItsConnection() throws Exception {
    Server server = server().start();
    Client<String> client = client().connect(uri(server));
    get(client.connected());
    server.close();
    recorder.expect("connect", "close PEER_CLOSED");
    Eventually.noServerThreadIsLeft();
    assertThat(client.send("late")).isFalse();
    client.close();
  }

  @Test
  void callbackOfConnectedMayCloseTheClientThatIsClosed() throws Exception {
    Client<String> client = client().reconnect().connect("tcp://127.0.0.1:1");
    CompletableFuture<Void> told = new CompletableFuture<>();
    client
        .connected()
        .whenComplete(
            (connection, failure) -> {
              client.close();
              told.complete(null);
            });
    client.close();
    told.get(10, TimeUnit.SECONDS);
  }

  @Test
  void timersEndWithTheClient() throws Exception {
    AtomicInteger ticks = new AtomicInteger();
    CountDownLatch once = new CountDownLatch(1);
    try (Server server = server().start()) {
      Client<String> client = client().connect(uri(server));
      client.runEvery(Duration.ofMillis(1), ticks::incrementAndGet);
      client.runAfter(Duration.ZERO, once::countDown);
      client.runTicker(() -> Duration.ofMillis(1 + 0L * ticks.incrementAndGet()));
      await(once);
      Eventually.holds("three ticks", () -> ticks.get() >= 3);
      client.close();
      int seen = ticks.get();
      onlyThreadsAreThoseOf(server);
      assertThat(ticks.get()).isEqualTo(seen);
    }
  }

  @Test
  void closeSendsWhatWasSentBefore() throws Exception {
    int messages = 5_000;
    try (Server server = server().start()) {
      Client<String> client = client().maxPendingBytes(64 * 1024 * 1024).connect(uri(server));
      get(client.connected());
      for (int i = 0; i < messages; i++) {
        assertThat(client.send("m" + i)).isTrue();
      }
      client.close();
      atServer.expect("connect");
      for (int i = 0; i < messages; i++) {
        atServer.expect("message m" + i);
      }
      atServer.expect("close PEER_CLOSED");
      assertThat(client.send("late")).isFalse();
    }
  }

  @Test
  void closeInOnConnectIsFinal() throws Exception {
    closesIn(
        (client, event) -> {
          if (event.equals("connect")) {
            client.close();
          }
        },
        "connect",
        "close CLOSED");
  }

  @Test
  void closeInOnMessageIsFinal() throws Exception {
    closesIn(
        (client, event) -> {
          if (event.equals("connect")) {
            client.send("hi");
          } else if (event.equals("message")) {
            client.close();
          }
        },
        "connect",
        "message hi",
        "close CLOSED");
  }

  @Test
  void closeInOnCloseIsFinal() throws Exception {
    closesIn(
        (client, event) -> {
          if (event.equals("connect")) {
            client.connection().close();
          } else if (event.equals("close")) {
            client.close();
          }
        },
        "connect",
        "close CLOSED");
  }

  private interface Script {
    void on(Client<String> client, String event);
  }

  /** Runs a client that reconnects and does something in its callbacks. */
  private void closesIn(Script script, String... events) throws Exception {
    CompletableFuture<Client<String>> self = new CompletableFuture<>();
    Recorder<String, String> acting =
        new Recorder<>(
            new Handler<>() {
              @Override
              public void onConnect(Connection<String> connection) {
                script.on(self.join(), "connect");
              }

              @Override
              public void onMessage(Connection<String> connection, String message) {
                script.on(self.join(), "message");
              }

              @Override
              public void onClose(Connection<String> connection, CloseReason reason) {
                script.on(self.join(), "close");
              }
            });
    try (Server server = server().start()) {
      Client<String> client =
          Client.builder(Texts::new, acting)
              .reconnect(Duration.ofMillis(1), Duration.ofMillis(1))
              .connect(uri(server));
      self.complete(client);
      acting.expect(events);
      onlyThreadsAreThoseOf(server);
      acting.expectNothingMore();
      assertThat(client.isConnected()).isFalse();
    }
  }

  @Test
  void closeWhileConnectingLeavesNothing() throws Exception {
    try (Blackhole nowhere = new Blackhole("127.0.0.1", 0)) {
      Client<String> client = client().reconnect().connect("tcp://127.0.0.1:" + nowhere.port());
      client.close();
      assertThat(failure(client.connected()))
          .isInstanceOf(IOException.class)
          .hasMessage(
              "cannot connect to tcp://127.0.0.1:" + nowhere.port() + ": the client is closed");
      Eventually.noServerThreadIsLeft();
      recorder.expectNothingMore();
    }
  }

  @Test
  void closeWhileTheNameIsLookedUpLeavesNothing() throws Exception {
    CountDownLatch lookUp = new CountDownLatch(1);
    try (Server server = server().start()) {
      Client<String> client =
          client()
              .resolver(
                  host -> {
                    await(lookUp);
                    return InetAddress.getAllByName("127.0.0.1");
                  })
              .connect("tcp://name:" + server.port());
      client.close();
      lookUp.countDown();
      assertThat(failure(client.connected())).hasMessageEndingWith(": the client is closed");
      onlyThreadsAreThoseOf(server);
      recorder.expectNothingMore();
      atServer.expectNothingMore();
    }
  }

  @Test
  void closeTwiceAndFromManyThreadsIsHarmless() throws Exception {
    try (Server server = server().start()) {
      Client<String> client = client().connect(uri(server));
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        threads.add(new Thread(client::close));
      }
      threads.forEach(Thread::start);
      for (Thread thread : threads) {
        thread.join(10_000);
        assertThat(thread.isAlive()).isFalse();
      }
      client.close();
    }
  }

  @Test
  void frameThatIsTooLongClosesTheConnection() throws Exception {
    try (Server server = server().start();
        Client<String> client = client().maxFrameBytes(100).connect(uri(server))) {
      get(client.connected());
      client.send("x".repeat(96));
      client.send("x".repeat(97));
      recorder.expect("connect", "message " + "x".repeat(96), "close PROTOCOL_ERROR");
    }
  }

  @Test
  void serverThatDoesNotReadMeetsTheOverflowPolicy() throws Exception {
    try (ServerSocket deaf = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        Client<String> client =
            client().maxPendingBytes(300_000).connect("tcp://127.0.0.1:" + deaf.getLocalPort())) {
      get(client.connected());
      try (Socket peer = deaf.accept()) {
        assertThat(peer.isConnected()).isTrue();
        String much = "x".repeat(50_000);
        int sent = 0;
        while (client.send(much)) {
          assertThat(++sent).isLessThan(1_000);
        }
        recorder.await("close OVERFLOW"); // maybe after onWritable
      }
    }
  }

  @Test
  void serverThatDoesNotReadIsNotReadFrom() throws Exception {
    try (ServerSocket slow = new ServerSocket()) {
      slow.setReceiveBufferSize(4096);
      slow.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      try (Client<String> client =
              client()
                  .sendBufferBytes(8192)
                  .overflow(OverflowPolicy.DROP_NEWEST)
                  .connect("tcp://127.0.0.1:" + slow.getLocalPort());
          Socket peer = slow.accept()) {
        Connection<String> connection = get(client.connected());
        recorder.expect("connect");
        while (client.send("x".repeat(50_000))) {
          assertThat(connection.isOpen()).isTrue();
        }
        awaitATurn(connection); // which packs the sent messages
        Eventually.holds("not writable", () -> !connection.isWritable());
        peer.getOutputStream().write(RawPeer.frames("unread"));
        awaitATurn(connection);
        awaitATurn(connection);
        recorder.expectNothingMore();
        while (!connection.isWritable()) {
          assertThat(peer.getInputStream().readNBytes(10_000)).hasSize(10_000);
        }
        recorder.expect("writable", "message unread");
      }
    }
  }

  private static void awaitATurn(Connection<?> connection) {
    CountDownLatch turn = new CountDownLatch(1);
    connection.execute(turn::countDown);
    await(turn);
  }

  @Test
  void handlerThatThrowsClosesTheConnection() throws Exception {
    try (LogCapture log = new LogCapture("dev.jev");
        Server server = server().start();
        Client<String> client =
            Client.<String, String>builder(
                    Texts::new,
                    new Recorder<>(
                        (connection, text) -> {
                          throw new IllegalStateException("boom");
                        }))
                .connect(uri(server))) {
      get(client.connected());
      client.send("hi");
      log.await("HANDLER_ERROR: closing connection of");
    }
  }

  @Test
  void detachedConnectionIsTheLast() throws Exception {
    try (Server server = server().start()) {
      try (Client<String> client = client().reconnect().connect(uri(server))) {
        Connection<String> connection = get(client.connected());
        connection.detach(new io.netty.channel.ChannelInboundHandlerAdapter());
        Eventually.holds("detached", () -> client.connection() == null);
        assertThat(client.send("late")).isFalse();
        recorder.expect("connect");
        recorder.expectNothingMore();
      }
      atServer.expect("connect", "close PEER_CLOSED");
    }
  }

  @Test
  void closedEventLoopsAreRefused() {
    EventLoops loops = EventLoops.builder().count(1).start();
    loops.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> client().eventLoops(loops).connect("tcp://127.0.0.1:1"))
        .withMessage("event loops are closed; create new ones");
  }

  @Test
  void interruptedThreadCanClose() throws Exception {
    try (Server server = server().start()) {
      Client<String> client = client().connect(uri(server));
      get(client.connected());
      Thread.currentThread().interrupt();
      client.close();
      assertThat(Thread.interrupted()).isTrue();
      recorder.expect("connect", "close CLOSED");
    }
  }

  @Test
  void connectedFailsWhenCalledAfterTheClose() {
    Client<String> client = client().connect("tcp://127.0.0.1:1");
    client.close();
    assertThatThrownBy(() -> get(client.connected()))
        .hasCauseInstanceOf(ConnectException.class)
        .hasMessageContaining("cannot connect to tcp://127.0.0.1:1: ");
  }
}
