package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Closing: everything sent before arrives, nothing after, and without a reset. */
class CloseTest {

  private static final int BIG = 8 * 1024 * 1024;

  private @Nullable Server server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  private Server start(Transport transport, Handler<String, String> handler) {
    assumeThat(transport.isAvailable()).isTrue();
    server =
        Server.builder(Texts::new, handler)
            .listen("tcp://127.0.0.1:0")
            .transport(transport)
            .maxPendingBytes(2 * BIG)
            .closeTimeout(Duration.ofSeconds(20))
            .eventLoops(1)
            .start();
    return server;
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void allThatWasSentBeforeACloseArrives(Transport transport) throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              connection.send("x".repeat(BIG));
              connection.send("last");
              connection.close();
            });
    try (RawPeer peer =
        RawPeer.connect(start(transport, recorder), /* receiveBuffer= */ 16 * 1024)) {
      peer.send("go");
      assertThat(peer.receive()).hasSize(BIG);
      assertThat(peer.receive()).isEqualTo("last");
      peer.expectEnd();
    }
    recorder.expect("connect", "message go", "close CLOSED");
  }

  /** Tells closes apart in its log: a wrong password, and a quota. */
  static final class Login implements Handler<String, String> {

    final BlockingQueue<String> closes = new LinkedBlockingQueue<>();

    @Override
    public void onMessage(Connection<String> connection, String message) {
      connection.send("bye");
      switch (message) {
        case "secret" -> connection.close(CloseReason.of(CloseReason.Kind.LIMIT, "quota"));
        default -> connection.close("bad login");
      }
      connection.close("too late"); // the first reason is kept
    }

    @Override
    public void onClose(Connection<String> connection, CloseReason reason) {
      closes.add(reason.kind() + " " + reason.text());
    }
  }

  @Test
  void onCloseGetsTheTextOfTheFirstClose() throws Exception {
    Login login = new Login();
    start(Transport.AUTO, login);
    try (RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("guess").receive()).isEqualTo("bye");
      peer.expectEnd();
    }
    assertThat(login.closes.poll(10, TimeUnit.SECONDS)).isEqualTo("CLOSED bad login");
    try (RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("secret").receive()).isEqualTo("bye");
      peer.expectEnd();
    }
    assertThat(login.closes.poll(10, TimeUnit.SECONDS)).isEqualTo("LIMIT quota");
  }

  @Test
  void allThatAnotherThreadSentBeforeItsCloseArrives() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    start(Transport.AUTO, recorder);
    for (int round = 0; round < 100; round++) {
      try (RawPeer peer = RawPeer.connect(server)) {
        Connection<String> connection = recorder.connection();
        for (int i = 0; i < 50; i++) {
          assertThat(connection.send("text " + i)).isTrue();
        }
        connection.close();
        assertThat(connection.send("after the close")).isFalse();
        for (int i = 0; i < 50; i++) {
          assertThat(peer.receive()).isEqualTo("text " + i);
        }
        peer.expectEnd();
      }
      recorder.expect("connect", "close CLOSED");
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void closeWithUnreadInputDoesNotReset(Transport transport) throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              connection.send("bye");
              connection.close();
            });
    start(transport, recorder);
    for (int round = 0; round < 20; round++) {
      try (RawPeer peer = RawPeer.connect(server)) {
        String[] unread = new String[2_000]; // 200 kB of which the handler sees the first message
        Arrays.fill(unread, "x".repeat(96));
        peer.send(unread);
        assertThat(peer.readAll()).isEqualTo(RawPeer.frames("bye")); // a reset would throw
      }
      recorder.expect("connect", "message " + "x".repeat(96), "close CLOSED");
    }
  }

  @Test
  void peerThatNeverClosesIsNotWaitedForLong() throws Exception {
    Recorder<String, String> recorder = new Recorder<>((connection, message) -> connection.close());
    try (RawPeer peer = RawPeer.connect(start(Transport.AUTO, recorder))) {
      peer.send("go");
      peer.expectEnd();
      recorder.expect("connect", "message go", "close CLOSED"); // the peer is still open
    }
  }

  @Test
  void peerThatNeverReadsIsCutOffAtTheDeadline() throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              connection.send("x".repeat(BIG));
              connection.close();
            });
    server =
        Server.builder(Texts::new, recorder)
            .listen("tcp://127.0.0.1:0")
            .maxPendingBytes(2 * BIG)
            .closeTimeout(Duration.ofMillis(200))
            .start();
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * 1024)) {
      peer.send("go");
      recorder.expect("connect", "message go", "close CLOSED");
    }
  }

  @Test
  void peerThatFloodsAfterTheCloseIsCutOff() throws Exception {
    Recorder<String, String> recorder = new Recorder<>((connection, message) -> connection.close());
    server =
        Server.builder(Texts::new, recorder)
            .listen("tcp://127.0.0.1:0")
            .lingeringCloseTimeout(Duration.ofMinutes(1)) // longer than the test waits
            .start();
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("go");
      peer.expectEnd();
      IOException cut = null;
      for (int i = 0; cut == null && i < 1_000; i++) { // 64 MB: more than the kernel buffers
        try {
          peer.write(new byte[64 * 1024]);
        } catch (IOException e) {
          cut = e;
        }
      }
      assertThat(cut).isNotNull();
    }
    recorder.expect("connect", "message go", "close CLOSED");
  }

  /** Netty misses a reset that comes while it reads with io_uring. */
  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void resetRightBehindInputIsNoticed(Transport transport) throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    Server started = start(transport, recorder);
    for (int i = 0; i < 100; i++) {
      RawPeer peer = RawPeer.connect(started).write(new byte[] {0, 0});
      recorder.connection();
      peer.reset();
    }
    Eventually.holds("all are closed", () -> started.connectionCount() == 0);
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void peerThatHalfClosesGetsAllQueuedOutput(Transport transport) throws Exception {
    CompletableFuture<CloseReason> closed = new CompletableFuture<>();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {
            connection.send("x".repeat(BIG / 4) + message);
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            closed.complete(reason);
          }
        };
    try (RawPeer peer =
        RawPeer.connect(start(transport, handler), /* receiveBuffer= */ 16 * 1024)) {
      peer.send("one", "two", "three").shutdownOutput();
      assertThat(peer.receive()).hasSize(BIG / 4 + 3).endsWith("one");
      assertThat(peer.receive()).hasSize(BIG / 4 + 3).endsWith("two");
      assertThat(peer.receive()).hasSize(BIG / 4 + 5).endsWith("three");
      peer.expectEnd();
    }
    assertThat(closed.get(10, TimeUnit.SECONDS).kind()).isEqualTo(CloseReason.Kind.PEER_CLOSED);
  }

  @Test
  void resetDuringAWriteIsAnIoError() throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>((connection, message) -> connection.send("x".repeat(BIG)));
    RawPeer peer = RawPeer.connect(start(Transport.AUTO, recorder), /* receiveBuffer= */ 16 * 1024);
    peer.send("go");
    assertThat(peer.read(100_000)).hasSize(100_000);
    peer.reset();
    recorder.expect("connect", "message go", "close IO_ERROR");
    recorder.expectNothingMore();
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void outputIsShutDownAfterWhatWasSent(Transport transport) throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              if (message.equals("go")) {
                connection.send("x".repeat(BIG));
                connection.shutdownOutput();
                assertThat(connection.send("after the end")).isFalse();
                assertThat(connection.isOpen()).isTrue();
              }
            });
    try (RawPeer peer =
        RawPeer.connect(start(transport, recorder), /* receiveBuffer= */ 16 * 1024)) {
      peer.send("go");
      assertThat(peer.receive()).hasSize(BIG);
      peer.expectEnd();
      peer.send("still heard");
      recorder.expect("connect", "message go", "message still heard");
    }
    recorder.expect("close PEER_CLOSED");
    recorder.expectNothingMore();
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void endDuringAPauseIsNoResetAlthoughTheOutputIsShutDown(Transport transport) throws Exception {
    AtomicInteger messages = new AtomicInteger();
    Recorder<String, String> recorder = endingAndPausing(messages);
    Server started = start(transport, recorder);
    for (int i = 1; i <= 20; i++) {
      String[] texts = new String[i % 2 == 0 ? 2 : 250]; // the latter is more than one read
      Arrays.fill(texts, "x".repeat(2000));
      texts[0] = "go";
      Connection<String> connection;
      try (RawPeer peer = RawPeer.connect(started)) {
        connection = recorder.connection();
        peer.send(texts).expectEnd();
      }
      takeTurns(connection); // in which the loop sees the end
      connection.resumeReading();
      recorder.await("close PEER_CLOSED");
      assertThat(messages.getAndSet(0)).isEqualTo(texts.length);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void resetDuringAPauseIsNoticedAlthoughTheOutputIsShutDown(Transport transport) throws Exception {
    Recorder<String, String> recorder = endingAndPausing(new AtomicInteger());
    Server started = start(transport, recorder);
    for (int i = 0; i < 20; i++) {
      RawPeer peer = RawPeer.connect(started);
      Connection<String> connection = recorder.connection();
      peer.send("go").expectEnd();
      peer.reset();
      takeTurns(connection);
      connection.resumeReading();
      recorder.expect("connect", "message go", "close IO_ERROR");
    }
  }

  private static Recorder<String, String> endingAndPausing(AtomicInteger messages) {
    return new Recorder<>(
        (connection, message) -> {
          messages.incrementAndGet();
          if (message.equals("go")) {
            connection.pauseReading();
            connection.shutdownOutput();
          }
        });
  }

  private static void takeTurns(Connection<String> connection) throws Exception {
    for (int i = 0; i < 50; i++) {
      CompletableFuture<Void> turn = new CompletableFuture<>();
      connection.execute(() -> turn.complete(null));
      turn.completeOnTimeout(null, 100, TimeUnit.MILLISECONDS).get(); // or the connection is closed
    }
  }

  @Test
  void closeAfterShutdownOutputCloses() throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              connection.shutdownOutput();
              connection.close();
            });
    try (RawPeer peer = RawPeer.connect(start(Transport.AUTO, recorder))) {
      peer.send("go");
      peer.expectEnd();
    }
    recorder.expect("connect", "message go", "close CLOSED");
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void closeInTheMiddleOfALongReadLeavesTheLoopToOthers(Transport transport) throws Exception {
    Handler<String, String> handler =
        (connection, message) -> {
          if (message.equals("close")) {
            connection.closeNow();
          } else {
            connection.send(message);
          }
        };
    Server started = start(transport, handler);
    try (RawPeer other = RawPeer.connect(started)) {
      for (int i = 0; i < 20; i++) {
        try (RawPeer peer = RawPeer.connect(started)) {
          peer.send("close", "x".repeat(300_000));
        } catch (IOException e) {
          // Reset, in the middle of its write.
        }
        assertThat(other.send("still there").receive()).isEqualTo("still there");
      }
    }
  }

  @Test
  void connectionIsDetachedAfterItsOutputWasShutDownToo() throws Exception {
    CompletableFuture<String> unread = new CompletableFuture<>();
    class Reading extends ChannelInboundHandlerAdapter {
      @Override
      public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf bytes = (ByteBuf) message;
        unread.complete(bytes.toString(StandardCharsets.US_ASCII));
        bytes.release();
        ctx.close();
      }
    }
    Handler<String, String> handler =
        (connection, message) -> {
          connection.shutdownOutput();
          connection.detach(new Reading());
        };
    try (RawPeer peer = RawPeer.connect(start(Transport.AUTO, handler))) {
      peer.send("detach").write("unread".getBytes(StandardCharsets.US_ASCII));
      peer.expectEnd();
      assertThat(unread.get(10, TimeUnit.SECONDS)).isEqualTo("unread");
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void detachedChannelGetsUnreadBytesAfterPendingOutput(Transport transport) throws Exception {
    CompletableFuture<ChannelHandlerContext> detached = new CompletableFuture<>();
    class Shouting extends ChannelInboundHandlerAdapter {
      @Override
      public void handlerAdded(ChannelHandlerContext ctx) {
        detached.complete(ctx);
      }

      @Override
      public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf bytes = (ByteBuf) message;
        String text = bytes.toString(StandardCharsets.US_ASCII);
        bytes.release();
        ctx.writeAndFlush(
            ctx.alloc()
                .buffer()
                .writeBytes(text.toUpperCase(Locale.ROOT).getBytes(StandardCharsets.US_ASCII)));
      }
    }
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              connection.send("x".repeat(BIG));
              connection.detach(new Shouting());
              assertThat(connection.send("after the detach")).isFalse();
            });
    try (RawPeer peer =
        RawPeer.connect(start(transport, recorder), /* receiveBuffer= */ 16 * 1024)) {
      peer.send("detach").write("unread ".getBytes(StandardCharsets.US_ASCII));
      assertThat(peer.receive()).hasSize(BIG);
      assertThat(new String(peer.read(7), StandardCharsets.US_ASCII)).isEqualTo("UNREAD ");
      peer.write("and more".getBytes(StandardCharsets.US_ASCII));
      assertThat(new String(peer.read(8), StandardCharsets.US_ASCII)).isEqualTo("AND MORE");
      assertThat(server.connectionCount()).isZero();
      detached.get(10, TimeUnit.SECONDS).close();
      peer.expectEnd();
    }
    recorder.expect("connect", "message detach");
    server.close();
    recorder.expectNothingMore();
  }

  @Test
  void detachThatCannotFlushIsClosedAtTheDeadline() throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, message) -> {
              connection.send("x".repeat(BIG));
              connection.detach(new ChannelInboundHandlerAdapter());
            });
    server =
        Server.builder(Texts::new, recorder)
            .listen("tcp://127.0.0.1:0")
            .maxPendingBytes(2 * BIG)
            .closeTimeout(Duration.ofMillis(200))
            .start();
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 16 * 1024)) {
      peer.send("go");
      recorder.expect("connect", "message go", "close CLOSED");
    }
  }

  @Test
  void detachToAHandlerThatIsInUseClosesWithTheCause() throws Exception {
    ChannelInboundHandlerAdapter notSharable = new ChannelInboundHandlerAdapter();
    CompletableFuture<CloseReason> closed = new CompletableFuture<>();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {
            connection.detach(notSharable);
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            closed.complete(reason);
          }
        };
    start(Transport.AUTO, handler);
    RawPeer first = RawPeer.connect(server).send("detach");
    try (first;
        RawPeer second = RawPeer.connect(server)) {
      second.send("detach").expectEndAndClose();
      CloseReason reason = closed.get(10, TimeUnit.SECONDS);
      assertThat(reason.kind()).isEqualTo(CloseReason.Kind.HANDLER_ERROR);
      assertThat(reason.cause()).hasMessageContaining("is not a @Sharable handler");
    }
  }

  @Test
  void nothingIsDeliveredAfterTheCloseOfAnotherThread() throws Exception {
    CompletableFuture<Boolean> delivered = new CompletableFuture<>();
    CompletableFuture<Void> closed = new CompletableFuture<>();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {
            if (message.equals("first")) {
              CompletableFuture.runAsync(connection::close).join(); // during the read batch
            } else {
              delivered.complete(true);
            }
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            closed.complete(null);
          }
        };
    try (RawPeer peer = RawPeer.connect(start(Transport.AUTO, handler))) {
      peer.send("first", "second", "third");
      peer.expectEnd();
    }
    closed.get(10, TimeUnit.SECONDS);
    assertThat(delivered).isNotDone();
  }

  @Test
  void protocolMayCloseItsContextWhileItPacks() throws Exception {
    class Last implements Protocol<String, String> {
      private final Texts texts = new Texts();
      private @Nullable ProtocolContext context;

      @Override
      public void open(ProtocolContext context) {
        this.context = context;
        context.ready();
      }

      @Override
      public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
        return texts.unpack(context, in);
      }

      @Override
      public void pack(String message, ByteBuf out) {
        out.writeInt(message.length());
        context.close();
        out.writeCharSequence(message, StandardCharsets.US_ASCII);
      }
    }
    Recorder<String, String> recorder = new Recorder<>(Handler.replying(text -> text));
    server = Server.builder(Last::new, recorder).listen("tcp://127.0.0.1:0").start();
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.send("the last one", "not delivered");
      assertThat(peer.readAll()).isEqualTo(RawPeer.frames("the last one"));
    }
  }
}
