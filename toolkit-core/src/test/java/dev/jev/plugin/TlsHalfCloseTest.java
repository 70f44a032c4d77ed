package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Loopback;
import dev.jev.Plugin;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import dev.jev.Transport;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import java.io.ByteArrayOutputStream;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** TLS with peers that end their output and wait for the replies, which only TLS 1.3 allows. */
class TlsHalfCloseTest {

  private static final int BIG = 4 << 20;

  @TempDir static Path directory;
  private static Certificates certificates;
  private static TlsIdentity localhost;

  private final ExecutorService worker = Executors.newSingleThreadExecutor();
  private final CountDownLatch inputEnded = new CountDownLatch(1);
  private final CloseReasons reasons = new CloseReasons();

  @BeforeAll
  static void certify() throws Exception {
    certificates = new Certificates(directory);
    localhost = certificates.pem("localhost");
  }

  @AfterEach
  void stopWorker() {
    worker.shutdown();
  }

  static Stream<Arguments> transportsAndProviders() {
    return Stream.of(Transport.EPOLL, Transport.IO_URING, Transport.NIO)
        .filter(Transport::isAvailable)
        .flatMap(
            transport ->
                Stream.of(Tls.Provider.JDK, Tls.Provider.BORINGSSL)
                    .map(provider -> Arguments.of(transport, provider)));
  }

  /** Notices the close_notify. */
  private final class InputEnd implements Plugin {

    private final Consumer<Connection<?>> action;

    InputEnd(Consumer<Connection<?>> action) {
      this.action = action;
    }

    @Override
    public Stage stage() {
      return Stage.TRANSFORM;
    }

    @Override
    public Observer install(Link link) {
      link.pipeline()
          .addLast(
              new ChannelInboundHandlerAdapter() {
                @Override
                public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
                  ctx.fireUserEventTriggered(event);
                  if (event instanceof ChannelInputShutdownEvent) {
                    inputEnded.countDown();
                    action.accept(link.connection());
                  }
                }
              });
      return new Observer() {};
    }
  }

  private Server start(
      Transport transport,
      Tls.Provider provider,
      Handler<String, String> handler,
      Plugin... plugins) {
    return start(transport, Tls.server().provider(provider), handler, plugins);
  }

  private Server start(
      Transport transport, Tls.Builder tls, Handler<String, String> handler, Plugin... plugins) {
    Server.Builder<String, String> builder =
        Server.builder(Texts::new, handler)
            .transport(transport)
            .plugin(tls.identity(localhost).build())
            .plugin(reasons)
            .maxPendingBytes(64 << 20)
            .eventLoops(1)
            .blockedLoopThreshold(Duration.ofSeconds(20)) // the machine may be busy
            .listen("tcp://127.0.0.1:0");
    for (Plugin plugin : plugins) {
      builder.plugin(plugin);
    }
    return builder.start();
  }

  private Plugin noticeEnd() {
    return new InputEnd(connection -> {});
  }

  private void awaitInputEnd() {
    await(inputEnded);
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static EnginePeer engine() throws Exception {
    return new EnginePeer(certificates.clientContext(null), "localhost");
  }

  /** Returns messages and a close_notify, which arrive together. */
  private static byte[] lastWords(EnginePeer engine, String... texts) throws Exception {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (String text : texts) {
      all.writeBytes(engine.wrap(RawPeer.frames(text)));
    }
    all.writeBytes(engine.closeNotify());
    return all.toByteArray();
  }

  private void expectEchoes(Server server, String... texts) throws Exception {
    try (RawPeer peer = RawPeer.connect(server)) {
      EnginePeer engine = engine().handshake(peer);
      peer.write(lastWords(engine, texts));
      assertThat(engine.readAll(peer)).isEqualTo(RawPeer.frames(texts));
      assertThat(peer.read()).isEqualTo(-1);
    }
    reasons.expect("PEER_CLOSED");
  }

  @ParameterizedTest
  @MethodSource("transportsAndProviders")
  void repliesOfAnOffloadedHandlerAreSent(Transport transport, Tls.Provider provider)
      throws Exception {
    Handler<String, String> echo =
        (connection, message) -> {
          awaitInputEnd();
          connection.send(message);
        };
    try (Server server = start(transport, provider, echo.offload(worker), noticeEnd())) {
      expectEchoes(server, "1", "2", "3");
    }
  }

  @ParameterizedTest
  @MethodSource("transportsAndProviders")
  void messagesThatWaitDuringAPauseAreAnswered(Transport transport, Tls.Provider provider)
      throws Exception {
    Handler<String, String> echo =
        (connection, message) -> {
          if (message.equals("1")) {
            connection.pauseReading();
          }
          connection.send(message);
        };
    Plugin resume = new InputEnd(Connection::resumeReading);
    try (Server server = start(transport, provider, echo, resume)) {
      expectEchoes(server, "1", "2", "3");
    }
  }

  @ParameterizedTest
  @MethodSource("transportsAndProviders")
  void peerThatReadsSlowlyGetsAllReplies(Transport transport, Tls.Provider provider)
      throws Exception {
    Handler<String, String> big = (connection, message) -> connection.send(message.repeat(BIG));
    try (Server server = start(transport, provider, big, noticeEnd());
        RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * 1024)) {
      EnginePeer engine = engine().handshake(peer);
      peer.write(lastWords(engine, "1", "2", "3"));
      awaitInputEnd();
      byte[] expected = RawPeer.frames("1".repeat(BIG), "2".repeat(BIG), "3".repeat(BIG));
      assertThat(Arrays.equals(engine.readAll(peer), expected)).isTrue();
      assertThat(peer.read()).isEqualTo(-1);
      reasons.expect("PEER_CLOSED");
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void clientAnswersAServerThatHasEndedItsOutput(Tls.Provider provider) throws Exception {
    Recorder<String, String> atServer = Recorder.silent();
    Handler<String, String> echo =
        (connection, message) -> {
          awaitInputEnd();
          connection.send(message);
        };
    try (Server server = start(Transport.AUTO, Tls.Provider.JDK, atServer)) {
      Client<String> client =
          Loopback.client(Client.builder(Texts::new, echo.offload(worker)))
              .plugin(Tls.client().provider(provider).trustPem(certificates.authorityPem()).build())
              .plugin(noticeEnd())
              .blockedLoopThreshold(Duration.ofSeconds(20)) // the machine may be busy
              .connect("tcp://localhost:" + server.port());
      try (client) {
        atServer.expect("connect");
        Connection<String> connection = atServer.connection();
        connection.send("1");
        connection.send("2");
        connection.send("3");
        connection.shutdownOutput();
        atServer.expect("message 1", "message 2", "message 3", "close PEER_CLOSED");
      }
    }
  }

  @ParameterizedTest
  @MethodSource("transportsAndProviders")
  void repliesThatTls12DoesNotSendAreNotReportedAsWritten(
      Transport transport, Tls.Provider provider) throws Exception {
    List<CompletableFuture<Void>> written = new CopyOnWriteArrayList<>();
    Handler<String, String> echo =
        (connection, message) -> {
          awaitInputEnd();
          written.add(connection.deliver(message).written().toCompletableFuture());
        };
    Tls.Builder tls = Tls.server().provider(provider).protocols("TLSv1.2");
    try (Server server = start(transport, tls, echo.offload(worker), noticeEnd())) {
      try (RawPeer peer = RawPeer.connect(server)) {
        EnginePeer engine = engine().handshake(peer);
        peer.write(lastWords(engine, "1", "2"));
        assertThat(engine.readAll(peer)).isEmpty();
      }
      reasons.expect("PEER_CLOSED"); // after both messages
    }
    assertThat(written)
        .hasSize(2)
        .allSatisfy(
            future ->
                assertThat(future)
                    .failsWithin(Duration.ofSeconds(10))
                    .withThrowableOfType(ExecutionException.class)
                    .withCauseInstanceOf(ClosedChannelException.class));
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void tls12CannotBeHalfClosed(Tls.Provider provider) throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch asked = new CountDownLatch(1);
    Handler<String, String> keepsOpen =
        (connection, message) -> {
          connection.onHalfClose(Duration.ofHours(1), begun::countDown);
          asked.countDown();
        };
    Tls.Builder tls = Tls.server().provider(provider).protocols("TLSv1.2");
    try (Server server = start(Transport.AUTO, tls, keepsOpen)) {
      try (RawPeer peer = RawPeer.connect(server)) {
        EnginePeer engine = engine().handshake(peer);
        peer.write(lastWords(engine, "1"));
        assertThat(engine.readAll(peer)).isEmpty();
      }
      await(asked);
      reasons.expect("PEER_CLOSED");
    }
    assertThat(begun.getCount()).isEqualTo(1);
  }

  // Records that look like a close_notify.

  @ParameterizedTest
  @MethodSource("transportsAndProviders")
  void dataAsShortAsACloseNotifyDoesNotWait(Transport transport, Tls.Provider provider)
      throws Exception {
    CountDownLatch allReceived = new CountDownLatch(2 * RawPeer.frames("1").length);
    Handler<String, String> echo =
        (connection, message) -> {
          await(allReceived); // while the first message is handled
          connection.send(message);
        };
    Plugin count =
        new Plugin() {
          @Override
          public Observer install(Link link) {
            return new Observer() {
              @Override
              public void received(int bytes) {
                for (int i = 0; i < bytes; i++) {
                  allReceived.countDown();
                }
              }
            };
          }
        };
    try (Server server = start(transport, provider, echo.offload(worker), count)) {
      try (RawPeer peer = RawPeer.connect(server)) {
        EnginePeer engine = engine().handshake(peer);
        peer.write(engine.wrap(RawPeer.frames("1")));
        byte[] frame = RawPeer.frames("2");
        for (int i = 0; i < frame.length; i += 2) {
          peer.write(engine.wrap(Arrays.copyOfRange(frame, i, Math.min(i + 2, frame.length))));
        }
        await(allReceived);
        peer.write(engine.closeNotify());
        assertThat(engine.readAll(peer)).isEqualTo(RawPeer.frames("1", "2"));
      }
      reasons.expect("PEER_CLOSED");
    }
  }

  private static EmbeddedLink channel(Tls.Provider provider) {
    return new EmbeddedLink(
        Tls.server().provider(provider).identity(localhost).taskExecutor(Runnable::run).build());
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void shortRecordsMayArriveInPieces(Tls.Provider provider) throws Exception {
    EmbeddedLink link = channel(provider);
    EnginePeer engine = engine().handshake(link);
    byte[] first = engine.wrap((byte) 1, (byte) 2);
    byte[] second = engine.wrap((byte) 3);
    byte[] third = engine.wrap((byte) 4, (byte) 5, (byte) 6);
    for (int i = 0; i < first.length; i++) {
      link.arrive(first, i, i + 1);
    }
    assertThat(link.received()).containsExactly(1, 2);
    link.arrive(second, 0, 7);
    byte[] rest = Arrays.copyOfRange(second, 7, second.length + third.length);
    System.arraycopy(third, 0, rest, second.length - 7, third.length);
    link.arrive(rest);
    assertThat(link.received()).containsExactly(1, 2, 3, 4, 5, 6);
    byte[] end = engine.closeNotify();
    link.arrive(end, 0, end.length - 1);
    assertThat(link.events).doesNotContain(ChannelInputShutdownEvent.INSTANCE);
    link.arrive(end, end.length - 1, end.length);
    assertThat(link.events).containsOnlyOnce(ChannelInputShutdownEvent.INSTANCE);
    assertThat(link.failures).isEmpty();
    link.channel().finishAndReleaseAll();
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void shortRecordDoesNotMakeAPausedConnectionReadOn(Tls.Provider provider) throws Exception {
    EmbeddedLink link = channel(provider);
    EnginePeer engine = engine().handshake(link);
    AtomicInteger reads = new AtomicInteger();
    link.channel()
        .pipeline()
        .addFirst(
            new ChannelOutboundHandlerAdapter() {
              @Override
              public void read(ChannelHandlerContext ctx) {
                reads.incrementAndGet();
              }
            });
    link.channel().config().setAutoRead(false);
    link.arrive(engine.wrap((byte) 1, (byte) 2));
    assertThat(link.received()).containsExactly(1, 2);
    assertThat(reads).hasValue(0);
    link.channel().finishAndReleaseAll();
  }

  @Test
  void shortRecordThatIsNotGenuineIsRefused() throws Exception {
    EmbeddedLink link = channel(Tls.Provider.BORINGSSL);
    engine().handshake(link);
    link.arrive(Arrays.copyOf(new byte[] {23, 3, 3, 0, 19}, 5 + 19));
    byte[] sent = link.sent(); // ends with an encrypted alert
    assertThat(Arrays.copyOfRange(sent, sent.length - 24, sent.length - 19))
        .containsExactly(23, 3, 3, 0, 19);
    assertThat(link.reason).asString().contains("PROTOCOL_ERROR", "BAD_DECRYPT");
    link.channel().finishAndReleaseAll();
  }
}
