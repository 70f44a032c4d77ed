package dev.jev;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The lifecycle of a connection: its callbacks, their order and the close reasons. */
class LifecycleTest {

  private @Nullable Server server;

  private <I, O> Server start(Supplier<? extends Protocol<I, O>> protocol, Handler<I, O> handler) {
    server = Server.builder(protocol, handler).listen("tcp://127.0.0.1:0").eventLoops(1).start();
    return server;
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  @ParameterizedTest
  @MethodSource("dev.jev.Available#transports")
  void callbacksComeInOrderOnTheEventLoopWithEveryTransport(Transport transport) throws Exception {
    Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
    server =
        Server.builder(Texts::new, recorder)
            .listen("tcp://127.0.0.1:0")
            .transport(transport)
            .eventLoops(1)
            .start();
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("one", "", "three");
      assertThat(peer.receive()).isEqualTo("one");
      assertThat(peer.receive()).isEmpty();
      assertThat(peer.receive()).isEqualTo("three");
    }
    recorder.expect("connect", "message one", "message ", "message three", "close PEER_CLOSED");
    recorder.expectNothingMore();
    assertThat(recorder.threads()).allMatch(name -> name.startsWith("jev-loop"));
    assertThat(server.connectionCount()).isZero();
  }

  @Test
  void whatOnCloseDoesToAnotherConnectionHappensAfterwards() throws Exception {
    List<String> events = new CopyOnWriteArrayList<>();
    AtomicReference<Connection<String>> paused = new AtomicReference<>();
    CountDownLatch done = new CountDownLatch(1);
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            if (paused.compareAndSet(null, connection)) {
              connection.pauseReading();
            }
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {
            events.add(message);
            done.countDown();
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            events.add("onClose begins");
            paused.get().resumeReading();
            events.add("onClose ends");
          }
        };
    Server started = start(Texts::new, handler);
    try (RawPeer first = RawPeer.connect(started)) {
      first.send("delivered");
      Eventually.holds("it is paused", () -> paused.get() != null);
      RawPeer.connect(started).close();
      assertThat(done.await(10, TimeUnit.SECONDS)).isTrue();
      assertThat(events).containsExactly("onClose begins", "onClose ends", "delivered");
    }
  }

  @Test
  void resetIsAnIoErrorWithItsCause() throws Exception {
    CompletableFuture<CloseReason> closed = new CompletableFuture<>();
    Recorder<String, String> recorder =
        new Recorder<>(
            new Handler<>() {
              @Override
              public void onMessage(Connection<String> connection, String message) {
                connection.send(message);
              }

              @Override
              public void onClose(Connection<String> connection, CloseReason why) {
                closed.complete(why);
              }
            });
    RawPeer peer = RawPeer.connect(start(Texts::new, recorder));
    peer.send("half");
    assertThat(peer.receive()).isEqualTo("half");
    peer.write(new byte[] {0, 0, 0, 9, 'x'}); // in the middle of a frame
    peer.reset();
    recorder.expect("connect", "message half", "close IO_ERROR");
    CloseReason reason = closed.get(10, TimeUnit.SECONDS);
    assertThat(reason.cause()).isInstanceOf(IOException.class);
    assertThat(reason.toString()).startsWith("IO_ERROR: ").contains("reset by peer");
  }

  @Test
  void whatIsThrownByOnMessageClosesThisConnectionOnly() throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              switch (message) {
                case "exception" -> throw new IllegalStateException("on purpose");
                case "error" -> throw new NoClassDefFoundError("on purpose");
                case "overflow" -> overflowTheStack(1);
                default -> connection.send(message);
              }
            });
    RawPeer healthy = RawPeer.connect(start(Texts::new, recorder));
    recorder.expect("connect");
    for (String fault : new String[] {"exception", "error", "overflow"}) {
      try (RawPeer peer = RawPeer.connect(server)) {
        peer.send("ok", fault, "never delivered");
        assertThat(peer.receive()).isEqualTo("ok"); // messages sent before still arrive
        peer.expectEnd();
      }
      recorder.expect("connect", "message ok", "message " + fault, "close HANDLER_ERROR");
      healthy.send("still there");
      assertThat(healthy.receive()).isEqualTo("still there");
      recorder.expect("message still there");
    }
    healthy.close();
    recorder.expect("close PEER_CLOSED");
  }

  private static int overflowTheStack(int depth) {
    return depth < 0 ? 0 : overflowTheStack(depth + 1) + 1;
  }

  @Test
  void whatIsThrownByOnConnectClosesAfterOnConnect() throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>(
            new Handler<>() {
              @Override
              public void onConnect(Connection<String> connection) {
                throw new IllegalStateException("on purpose");
              }

              @Override
              public void onMessage(Connection<String> connection, String message) {}
            });
    try (RawPeer peer = RawPeer.connect(start(Texts::new, recorder))) {
      peer.expectEnd();
    }
    recorder.expect("connect", "close HANDLER_ERROR");
  }

  @Test
  void whatIsThrownByOnCloseDoesNoHarm() throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>(
            new Handler<>() {
              @Override
              public void onMessage(Connection<String> connection, String message) {
                connection.send(message);
              }

              @Override
              public void onClose(Connection<String> connection, CloseReason reason) {
                throw new IllegalStateException("on purpose");
              }
            });
    start(Texts::new, recorder);
    for (int i = 0; i < 2; i++) {
      try (RawPeer peer = RawPeer.connect(server)) {
        assertThat(peer.send("hi").receive()).isEqualTo("hi");
      }
      recorder.expect("connect", "message hi", "close PEER_CLOSED");
    }
    assertThat(server.connectionCount()).isZero();
  }

  @Test
  void whatIsThrownByATaskClosesItsConnection() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (RawPeer peer = RawPeer.connect(start(Texts::new, recorder))) {
      recorder
          .connection()
          .execute(
              () -> {
                throw new IllegalStateException("on purpose");
              });
      peer.expectEnd();
    }
    recorder.expect("connect", "close HANDLER_ERROR");
  }

  @Test
  void protocolExceptionClosesWithItsMessage() throws Exception {
    CompletableFuture<CloseReason> closed = new CompletableFuture<>();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {
            connection.send(message);
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason why) {
            closed.complete(why);
          }
        };
    try (RawPeer peer = RawPeer.connect(start(Texts::new, handler))) {
      peer.send("fine").write(RawPeer.length(-1));
      assertThat(peer.receive()).isEqualTo("fine");
      peer.expectEnd();
    }
    CloseReason why = closed.get(10, TimeUnit.SECONDS);
    assertThat(why.kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    assertThat(why.cause())
        .isInstanceOf(ProtocolException.class)
        .hasMessage("length: -1 (expected: 0..1048572)")
        .satisfies(cause -> assertThat(cause.getStackTrace()).isEmpty());
  }

  @Test
  void errorInAProtocolClosesItsConnection() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    Protocol<String, String> broken =
        new Protocol<>() {
          @Override
          public String unpack(ProtocolContext context, ByteBuf in) {
            throw new StackOverflowError("on purpose");
          }

          @Override
          public void pack(String message, ByteBuf out) {}
        };
    try (RawPeer peer = RawPeer.connect(start(() -> broken, recorder))) {
      peer.write(new byte[1]).expectEnd();
    }
    recorder.expect("connect", "close PROTOCOL_ERROR");
  }

  @Test
  void protocolThatConsumesNothingIsClosedInsteadOfLooping() throws Exception {
    CompletableFuture<CloseReason> closed = new CompletableFuture<>();
    Protocol<String, String> stuck =
        new Protocol<>() {
          @Override
          public String unpack(ProtocolContext context, ByteBuf in) {
            return "again";
          }

          @Override
          public void pack(String message, ByteBuf out) {}
        };
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {}

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            closed.complete(reason);
          }
        };
    try (RawPeer peer = RawPeer.connect(start(() -> stuck, handler))) {
      peer.write(new byte[1]).expectEnd();
    }
    assertThat(closed.get(10, TimeUnit.SECONDS).cause())
        .hasMessageStartingWith("protocol dev.jev.LifecycleTest$")
        .hasMessageEndingWith("returned a message but consumed no bytes");
  }

  @ParameterizedTest
  @ValueSource(strings = {"close", "closeNow"})
  void closeFromOnConnectDeliversNothing(String how) throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>(
            new Handler<>() {
              @Override
              public void onConnect(Connection<String> connection) {
                connection.send("bye");
                close(connection, how);
              }

              @Override
              public void onMessage(Connection<String> connection, String message) {}
            });
    try (RawPeer peer = RawPeer.connect(start(Texts::new, recorder))) {
      if (how.equals("close")) {
        assertThat(peer.receive()).isEqualTo("bye");
        peer.send("too late");
      }
      assertThat(readQuietly(peer)).isEqualTo(-1);
    }
    recorder.expect("connect", "close CLOSED");
    recorder.expectNothingMore();
  }

  @ParameterizedTest
  @ValueSource(strings = {"close", "closeNow"})
  void closeFromOnMessageDeliversNothingMore(String how) throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              connection.send(message);
              close(connection, how);
              assertThat(connection.isOpen()).isFalse();
              assertThat(connection.send("after close")).isFalse();
              assertThat(connection.deliver("after close").outcome())
                  .isEqualTo(Delivery.Outcome.CLOSED);
            });
    try (RawPeer peer = RawPeer.connect(start(Texts::new, recorder))) {
      peer.send("first", "second", "third");
      if (how.equals("close")) {
        assertThat(peer.receive()).isEqualTo("first");
      }
      assertThat(readQuietly(peer)).isEqualTo(-1);
    }
    recorder.expect("connect", "message first", "close CLOSED");
    recorder.expectNothingMore();
  }

  @Test
  void closeFromOnCloseIsHarmless() throws Exception {
    CompletableFuture<Void> harmless = new CompletableFuture<>();
    Recorder<String, String> recorder =
        new Recorder<>(
            new Handler<>() {
              @Override
              public void onMessage(Connection<String> connection, String message) {}

              @Override
              public void onClose(Connection<String> connection, CloseReason reason) {
                connection.close();
                connection.closeNow();
                connection.shutdownOutput();
                connection.pauseReading();
                connection.resumeReading();
                harmless.complete(null);
              }
            });
    RawPeer.connect(start(Texts::new, recorder)).close();
    harmless.get(10, TimeUnit.SECONDS);
    recorder.expect("connect", "close PEER_CLOSED");
    server.close();
    recorder.expectNothingMore();
  }

  private static void close(Connection<?> connection, String how) {
    if (how.equals("close")) {
      connection.close();
    } else {
      connection.closeNow();
    }
  }

  private static int readQuietly(RawPeer peer) {
    try {
      return peer.read();
    } catch (IOException e) {
      return -1; // closeNow may reset
    }
  }

  @Test
  void closeFromOnWritableDeliversNothingMore() throws Exception {
    CompletableFuture<Void> filled = new CompletableFuture<>();
    Recorder<String, String> recorder =
        new Recorder<>(
            new Handler<>() {
              @Override
              public void onMessage(Connection<String> connection, String message) {
                while (connection.isWritable()) {
                  connection.send("x".repeat(100_000));
                }
                filled.complete(null);
              }

              @Override
              public void onWritable(Connection<String> connection) {
                connection.send("bye");
                connection.close();
              }
            });
    try (RawPeer peer = RawPeer.connect(start(Texts::new, recorder))) {
      peer.send("fill", "not delivered");
      filled.get(10, TimeUnit.SECONDS); // until then the peer does not read
      String last;
      do {
        last = peer.receive();
      } while (last.length() == 100_000);
      assertThat(last).isEqualTo("bye");
      peer.expectEnd();
    }
    recorder.expect("connect", "message fill", "writable", "close CLOSED");
    recorder.expectNothingMore();
  }

  @Test
  void connectionStaysReadableAfterItsClose() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    RawPeer peer = RawPeer.connect(start(Texts::new, recorder));
    Connection<String> connection = recorder.connection();
    connection.attach("mine");
    connection.attribute(String.class, "typed");
    SocketAddress peerAddress = peer.socket().getLocalSocketAddress();
    peer.close();
    recorder.expect("connect", "close PEER_CLOSED");

    assertThat(connection.isOpen()).isFalse();
    assertThat(connection.isWritable()).isFalse();
    assertThat(connection.send("too late")).isFalse();
    assertThat(connection.pendingBytes()).isZero();
    assertThat(connection.deliver("too late").outcome()).isEqualTo(Delivery.Outcome.CLOSED);
    assertThat(connection.attachment(String.class)).isEqualTo("mine");
    assertThat(connection.attribute(String.class)).isEqualTo("typed");
    assertThat(connection.remoteAddress()).isEqualTo(peerAddress);
    assertThat(connection.localAddress()).hasToString("/127.0.0.1:" + server.port());
    assertThat(connection.listener()).isEqualTo(server.addresses().get(0));
    CompletableFuture<Void> ran = new CompletableFuture<>();
    connection.execute(() -> ran.complete(null));
    ran.get(10, TimeUnit.SECONDS);
  }

  @Test
  void handlerMaySetReplaceAndRemoveAttributes() throws Exception {
    Recorder<String, String> recorder = new Recorder<>(Connection::send);
    try (RawPeer peer = RawPeer.connect(start(Texts::new, recorder))) {
      assertThat(peer.send("hello").receive()).isEqualTo("hello");
      Connection<String> connection = recorder.connection();
      connection.attribute(String.class, "one");
      connection.attribute(Integer.class, 1);
      connection.attribute(String.class, "two");
      assertThat(connection.attribute(String.class)).isEqualTo("two");
      assertThat(connection.attribute(Integer.class)).isEqualTo(1);
      connection.attribute(String.class, null);
      assertThat(connection.attribute(String.class)).isNull();
      assertThat(connection.attribute(Integer.class)).isEqualTo(1);
      assertThat(connection.attachment(Object.class)).isNull();
    }
  }

  @Test
  void handshakeIsOverWhenTheProtocolSaysSo() throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>((connection, message) -> connection.send("echo " + message));
    try (RawPeer peer = RawPeer.connect(start(Greeting::new, recorder))) {
      peer.write("he".getBytes(US_ASCII));
      peer.write("llo".getBytes(US_ASCII));
      peer.send("in the same segment");
      assertThat(new String(peer.read(7), US_ASCII)).isEqualTo("welcome");
      assertThat(peer.receive()).isEqualTo("echo in the same segment");
    }
    recorder.expect("connect", "message in the same segment", "close PEER_CLOSED");
  }

  @Test
  void handshakeThatFailsMakesNoCallback() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (RawPeer peer = RawPeer.connect(start(Greeting::new, recorder))) {
      peer.write("hoppla".getBytes(US_ASCII));
      peer.expectEnd();
    }
    server.close();
    recorder.expectNothingMore();
  }

  @Test
  void handshakeThatTakesTooLongIsClosed() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    server =
        Server.builder(Greeting::new, recorder)
            .listen("tcp://127.0.0.1:0")
            .handshakeTimeout(Duration.ofMillis(100))
            .lingeringCloseTimeout(Duration.ofMinutes(1)) // the peer may write later than that
            .start();
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.write("he".getBytes(US_ASCII));
      peer.expectEnd();
    }
    server.close();
    recorder.expectNothingMore();
    assertThat(Greeting.REASONS).contains(CloseReason.Kind.TIMEOUT);
  }

  @Test
  void readyMayComeFromAnotherThreadWhileBytesWait() throws Exception {
    CompletableFuture<ProtocolContext> contextFuture = new CompletableFuture<>();
    Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
    class Asking implements Protocol<String, String> {
      private final Texts texts = new Texts();

      @Override
      public void open(ProtocolContext opened) {
        contextFuture.complete(opened);
      }

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        return context.isReady() ? texts.unpack(context, in) : null;
      }

      @Override
      public void pack(String message, ByteBuf out) {
        texts.pack(message, out);
      }
    }
    try (RawPeer peer = RawPeer.connect(start(Asking::new, recorder))) {
      peer.send("waited", "too");
      recorder.expectNothingMore();
      contextFuture.get(10, TimeUnit.SECONDS).ready();
      assertThat(peer.receive()).isEqualTo("waited");
      assertThat(peer.receive()).isEqualTo("too");
    }
    recorder.expect("connect", "message waited", "message too", "close PEER_CLOSED");
  }

  @Test
  void messageBeforeTheEndOfTheHandshakeIsAnError() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    class Hasty implements Protocol<String, String> {
      @Override
      public void open(ProtocolContext context) {}

      @Override
      public String unpack(ProtocolContext context, ByteBuf in) {
        in.skipBytes(1);
        return "hasty";
      }

      @Override
      public void pack(String message, ByteBuf out) {}
    }
    try (RawPeer peer = RawPeer.connect(start(Hasty::new, recorder))) {
      peer.write(new byte[1]).expectEnd();
    }
    server.close();
    recorder.expectNothingMore();
  }

  @Test
  void protocolMayWriteInCloseAndIsClosedOnce() throws Exception {
    Recorder<String, String> recorder = new Recorder<>((connection, message) -> connection.close());
    Queue<CloseReason.Kind> closes = new ConcurrentLinkedQueue<>();
    class Polite implements Protocol<String, String> {
      private final Texts texts = new Texts();

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        return texts.unpack(context, in);
      }

      @Override
      public void pack(String message, ByteBuf out) {
        texts.pack(message, out);
      }

      @Override
      public void close(ProtocolContext context, CloseReason reason) {
        closes.add(reason.kind());
        context.write(Unpooled.copiedBuffer("goodbye", US_ASCII));
      }
    }
    try (RawPeer peer = RawPeer.connect(start(Polite::new, recorder))) {
      peer.send("hi");
      assertThat(peer.readAll()).asString().isEqualTo("goodbye");
    }
    recorder.expect("connect", "message hi", "close CLOSED");
    server.close();
    assertThat(closes).containsExactly(CloseReason.Kind.CLOSED);
  }

  /** A handshake, "hello" answered by "welcome", before texts. */
  private static final class Greeting implements Protocol<String, String> {

    static final Queue<CloseReason.Kind> REASONS = new ConcurrentLinkedQueue<>();

    private final Texts texts = new Texts();
    private boolean greeted;

    @Override
    public void open(ProtocolContext context) {}

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      if (greeted) {
        return texts.unpack(context, in);
      }
      if (in.readableBytes() >= 5) {
        String greeting = in.readCharSequence(5, US_ASCII).toString();
        if (!greeting.equals("hello")) {
          throw new ProtocolException("greeting: " + greeting + " (expected: hello)");
        }
        greeted = true;
        context.write(Unpooled.copiedBuffer("welcome", US_ASCII));
        context.ready();
      }
      return null;
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
    }

    @Override
    public void close(ProtocolContext context, CloseReason reason) {
      REASONS.add(reason.kind());
    }
  }
}
