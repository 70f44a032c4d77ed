package dev.jev.codec;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.ProtocolException;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.DefaultByteBufHolder;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.FixedLengthFrameDecoder;
import io.netty.handler.codec.LineBasedFrameDecoder;
import io.netty.handler.codec.MessageToByteEncoder;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.handler.codec.string.StringDecoder;
import io.netty.handler.codec.string.StringEncoder;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.handler.timeout.IdleStateHandler;
import io.netty.handler.timeout.ReadTimeoutException;
import io.netty.handler.timeout.ReadTimeoutHandler;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The guarantees of Jev, kept with Netty handlers behind a real server. */
@Timeout(60)
class NettyCodecTest {

  private static final int MAX_FRAME_BYTES = 100_000;

  private @Nullable Server server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  private <I> RawPeer connect(
      Class<I> type, Supplier<List<ChannelHandler>> handlers, Handler<? super I, Object> handler)
      throws Exception {
    server =
        Server.builder(NettyCodec.of(type, handlers), handler)
            .maxFrameBytes(MAX_FRAME_BYTES)
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .start();
    return RawPeer.connect(server);
  }

  /** Connects to a server of lines with {@code last} as the last handler of the pipeline. */
  private RawPeer connectLines(ChannelHandler last, Handler<Object, Object> handler)
      throws Exception {
    return connect(
        Object.class,
        () ->
            List.of(
                new LineBasedFrameDecoder(1_000),
                new StringDecoder(US_ASCII),
                new StringEncoder(US_ASCII),
                last),
        handler);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(US_ASCII);
  }

  private static String all(RawPeer peer) throws Exception {
    return new String(peer.readAll(), US_ASCII);
  }

  private static String read(RawPeer peer, String expected) throws Exception {
    return new String(peer.read(expected.length()), US_ASCII);
  }

  private static final Handler<Object, Object> SHOUTING =
      (connection, line) -> connection.send(line + "!\n");

  /** A handler that executes the commands in lines, and passes other lines on. */
  private static class LineCommands extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext ctx, Object line) {
      switch ((String) line) {
        case "ping" -> ctx.writeAndFlush("pong\n");
        case "quit" -> {
          ctx.writeAndFlush("bye\n");
          ctx.close();
        }
        case "fail" -> throw new IllegalStateException("told to");
        case "fault" -> throw new DecoderException(new ProtocolException("line: fault"));
        default -> ctx.fireChannelRead(line);
      }
    }
  }

  /** A handler that records the close of a connection. */
  private static final class CloseRecorder implements Handler<Object, Object> {
    final CompletableFuture<CloseReason> reason = new CompletableFuture<>();
    final AtomicInteger closes = new AtomicInteger();
    private final Handler<Object, Object> then;

    CloseRecorder(Handler<Object, Object> then) {
      this.then = then;
    }

    @Override
    public void onMessage(Connection<Object> connection, Object message) {
      then.onMessage(connection, message);
    }

    @Override
    public void onClose(Connection<Object> connection, CloseReason why) {
      closes.incrementAndGet();
      reason.complete(why);
    }

    CloseReason reason() throws Exception {
      return reason.get(10, SECONDS);
    }
  }

  // Order.

  @Test
  void eachConnectionHasHandlersOfItsOwn() throws Exception {
    AtomicInteger made = new AtomicInteger();
    Supplier<List<ChannelHandler>> handlers =
        () -> {
          made.incrementAndGet();
          return List.of(
              new LineBasedFrameDecoder(1_000), new StringDecoder(), new StringEncoder());
        };
    try (RawPeer first = connect(Object.class, handlers, SHOUTING);
        RawPeer second = RawPeer.connect(server)) {
      first.write(bytes("a")); // half a line per connection
      second.write(bytes("b\n"));
      assertThat(read(second, "b!\n")).isEqualTo("b!\n");
      first.write(bytes("\n"));
      assertThat(read(first, "a!\n")).isEqualTo("a!\n");
    }
    assertThat(made).hasValue(2);
  }

  @Test
  void whatHandlersAnswerComesBehindTheRepliesToTheMessagesBefore() throws Exception {
    try (RawPeer peer = connectLines(new LineCommands(), SHOUTING)) {
      peer.write(bytes("a\nping\nping\nb\nc\nping\nd\nping\n")).shutdownOutput();
      assertThat(all(peer)).isEqualTo("a!\npong\npong\nb!\nc!\npong\nd!\npong\n");
    }
  }

  @Test
  void whatHandlersAnswerWaitsWhileReadingIsPaused() throws Exception {
    Handler<Object, Object> slow =
        (connection, line) -> {
          connection.pauseReading();
          connection.execute(
              () -> {
                connection.send(line + "!\n");
                connection.resumeReading();
              });
        };
    try (RawPeer peer = connectLines(new LineCommands(), slow)) {
      peer.write(bytes("a\nping\nb\nc\nping\n"));
      String expected = "a!\npong\nb!\nc!\npong\n";
      assertThat(read(peer, expected)).isEqualTo(expected);
    }
  }

  @Test
  void handlerThatClosesTheChannelClosesBehindWhatWasBefore() throws Exception {
    CloseRecorder ends = new CloseRecorder(SHOUTING);
    try (RawPeer peer = connectLines(new LineCommands(), ends)) {
      peer.write(bytes("a\nping\nquit\nb\nping\n"));
      assertThat(all(peer)).isEqualTo("a!\npong\nbye\n");
    }
    assertThat(ends.reason().kind()).isEqualTo(CloseReason.Kind.CLOSED);
  }

  @Test
  void noMessageIsDeliveredAfterAClose() throws Exception {
    Recorder<Object, Object> closing = new Recorder<>((connection, line) -> connection.close());
    try (RawPeer peer = connectLines(new LineCommands(), closing)) {
      peer.write(bytes("a\nb\nping\nc\n"));
      peer.expectEnd();
    }
    closing.expect("connect", "message a", "close CLOSED");
    closing.expectNothingMore();
  }

  @Test
  void greetingOfAHandlerComesBeforeThatOfTheServer() throws Exception {
    ChannelHandler greeter =
        new ChannelInboundHandlerAdapter() {
          @Override
          public void handlerAdded(ChannelHandlerContext ctx) {
            ctx.writeAndFlush("added\n");
          }

          @Override
          public void channelActive(ChannelHandlerContext ctx) {
            ctx.writeAndFlush("active\n");
          }
        };
    Handler<Object, Object> handler =
        new Handler<>() {
          @Override
          public void onConnect(Connection<Object> connection) {
            connection.send("connected\n");
          }

          @Override
          public void onMessage(Connection<Object> connection, Object message) {}
        };
    try (RawPeer peer = connectLines(greeter, handler)) {
      peer.shutdownOutput();
      assertThat(all(peer)).isEqualTo("added\nactive\nconnected\n");
    }
  }

  @Test
  void handlersMayBeExchangedOnTheWay() throws Exception {
    ChannelHandler changing =
        new ChannelInboundHandlerAdapter() {
          @Override
          public void channelRead(ChannelHandlerContext ctx, Object line) {
            ctx.pipeline().addLast(new LineCommands());
            ctx.pipeline().remove(this);
            ctx.fireChannelRead(line);
          }
        };
    try (RawPeer peer = connectLines(changing, SHOUTING)) {
      peer.write(bytes("a\nping\n"));
      assertThat(read(peer, "a!\npong\n")).isEqualTo("a!\npong\n");
    }
  }

  // Back-pressure and limits.

  @Test
  void pausedConnectionGetsNoFurtherMessage() throws Exception {
    BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    CompletableFuture<Connection<Object>> connected = new CompletableFuture<>();
    CloseRecorder pausing =
        new CloseRecorder(
            (connection, line) -> {
              connection.pauseReading();
              lines.add((String) line);
              connected.complete(connection);
            });
    try (RawPeer peer = connectLines(new LineCommands(), pausing)) {
      peer.write(bytes("a\nb\nc\n")).shutdownOutput();
      Connection<Object> connection = connected.get(10, SECONDS);
      for (String line : List.of("a", "b", "c")) {
        assertThat(lines.poll(10, SECONDS)).isEqualTo(line);
        assertThat(lines).isEmpty();
        connection.resumeReading();
      }
      assertThat(pausing.reason().kind()).isEqualTo(CloseReason.Kind.PEER_CLOSED);
    }
  }

  @Test
  void peerThatDoesNotReadGetsNoFurtherMessageDelivered() throws Exception {
    int messages = 1_000;
    String reply = "x".repeat(32 * 1024 - 1) + "\n";
    AtomicInteger handled = new AtomicInteger();
    AtomicLong mostPending = new AtomicLong();
    CompletableFuture<Connection<Object>> stalled = new CompletableFuture<>();
    Handler<Object, Object> answering =
        (connection, line) -> {
          handled.incrementAndGet();
          connection.send(reply);
          mostPending.accumulateAndGet(connection.pendingBytes(), Math::max);
          if (!connection.isWritable()) {
            stalled.complete(connection);
          }
        };
    try (RawPeer peer = connectLines(new LineCommands(), answering)) {
      peer.write(bytes("a\n".repeat(messages))); // one read
      Connection<Object> connection = stalled.get(10, SECONDS);
      CompletableFuture<Integer> later = new CompletableFuture<>();
      connection.execute(() -> later.complete(handled.get()));
      assertThat(later.get(10, SECONDS)).isLessThan(messages);
      peer.shutdownOutput();
      assertThat(peer.readAll()).hasSize(messages * reply.length());
    }
    assertThat(mostPending.get()).isLessThan(300_000); // the high watermark is 256 KiB
    assertThat(handled).hasValue(messages);
  }

  @Test
  void frameMayBeAsLongAsTheLimitAndNoLonger() throws Exception {
    CloseRecorder ends = new CloseRecorder((connection, frame) -> connection.send(frame));
    Supplier<List<ChannelHandler>> frames =
        () -> List.of(new FixedLengthFrameDecoder(MAX_FRAME_BYTES));
    try (RawPeer peer = connect(Object.class, frames, ends)) {
      peer.write(new byte[MAX_FRAME_BYTES]).shutdownOutput();
      assertThat(peer.readAll()).hasSize(MAX_FRAME_BYTES);
    }
  }

  @Test
  void bytesOfWhichNothingIsMadeAreRefusedBeyondTheLimit() throws Exception {
    CloseRecorder ends = new CloseRecorder(SHOUTING);
    Supplier<List<ChannelHandler>> frames =
        () -> List.of(new FixedLengthFrameDecoder(10 * MAX_FRAME_BYTES));
    try (RawPeer peer = connect(Object.class, frames, ends)) {
      peer.write(new byte[MAX_FRAME_BYTES + 20_000]);
      peer.expectEnd();
    }
    assertThat(ends.reason().kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    assertThat(ends.reason().cause())
        .isInstanceOf(ProtocolException.class)
        .hasMessage("frame: more than 100000 bytes (expected: <= 100000)");
  }

  // Faults.

  @Test
  void whatADecoderThrowsClosesBehindTheMessagesBefore() throws Exception {
    CloseRecorder ends = new CloseRecorder(SHOUTING);
    try (RawPeer peer = connectLines(new LineCommands(), ends)) {
      peer.write(bytes("a\nb\n" + "x".repeat(1_001) + "\nc\n"));
      assertThat(all(peer)).isEqualTo("a!\nb!\n");
    }
    assertThat(ends.reason().kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    assertThat(ends.reason().cause())
        .hasMessage(
            "input: TooLongFrameException: frame length (1001) exceeds the allowed maximum (1000)"
                + " (expected: bytes that the codec can decode)")
        .hasCauseInstanceOf(TooLongFrameException.class);
    assertThat(ends.closes).hasValue(1);
  }

  @Test
  void whatAHandlerThrowsClosesItsConnection() throws Exception {
    CloseRecorder ends = new CloseRecorder(SHOUTING);
    try (RawPeer peer = connectLines(new LineCommands(), ends)) {
      peer.write(bytes("a\nfail\nb\n"));
      assertThat(all(peer)).isEqualTo("a!\n");
    }
    assertThat(ends.reason().cause())
        .hasMessage(
            "input: IllegalStateException: told to (expected: bytes that the codec can decode)")
        .hasCauseInstanceOf(IllegalStateException.class);
  }

  @Test
  void protocolExceptionOfAHandlerIsTheCauseItself() throws Exception {
    CloseRecorder ends = new CloseRecorder(SHOUTING);
    try (RawPeer peer = connectLines(new LineCommands(), ends)) {
      peer.write(bytes("fault\n"));
      peer.expectEnd();
    }
    assertThat(ends.reason().cause())
        .isInstanceOf(ProtocolException.class)
        .hasMessage("line: fault");
  }

  @Test
  void messageOfAnotherTypeIsRefusedAndReleased() throws Exception {
    CompletableFuture<CloseReason> closed = new CompletableFuture<>();
    Handler<String, Object> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<Object> connection, String message) {
            connection.send(Unpooled.copiedBuffer(message, US_ASCII));
          }

          @Override
          public void onClose(Connection<Object> connection, CloseReason reason) {
            closed.complete(reason);
          }
        };
    try (RawPeer peer =
        connect(String.class, () -> List.of(new FixedLengthFrameDecoder(4)), handler)) {
      peer.write(bytes("abcdefgh"));
      peer.expectEnd();
    }
    CloseReason reason = closed.get(10, SECONDS);
    assertThat(reason.kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    assertThat(reason.cause())
        .hasMessageMatching("message: io\\.netty\\.buffer\\.\\S+ \\(expected: java.lang.String\\)");
  }

  @Test
  void messageThatNoEncoderTakesIsRefusedToTheSenderAndReleased() throws Exception {
    ByteBuf content = Unpooled.copiedBuffer("x", US_ASCII);
    CompletableFuture<Throwable> refusal = new CompletableFuture<>();
    Handler<Object, Object> sending =
        (connection, line) -> {
          try {
            connection.send(new DefaultByteBufHolder(content));
          } catch (IllegalArgumentException e) {
            refusal.complete(e);
          }
          connection.send("sorry\n");
        };
    try (RawPeer peer = connectLines(new LineCommands(), sending)) {
      peer.write(bytes("a\n"));
      assertThat(read(peer, "sorry\n")).isEqualTo("sorry\n");
    }
    assertThat(refusal.get(10, SECONDS))
        .hasMessage(
            "message: io.netty.buffer.DefaultByteBufHolder (expected: one that the codec can encode)")
        .cause()
        .hasMessage(
            "message: io.netty.buffer.DefaultByteBufHolder (expected: one that an encoder accepts)");
    assertThat(content.refCnt()).isZero();
  }

  @Test
  void messageThatCannotBeEncodedIsRefusedToTheSender() throws Exception {
    ChannelHandler encoder =
        new MessageToByteEncoder<Integer>() {
          @Override
          protected void encode(ChannelHandlerContext ctx, Integer message, ByteBuf out) {
            out.writeByte('1'); // is dropped
            throw new ArithmeticException("too great");
          }
        };
    CompletableFuture<Throwable> refusal = new CompletableFuture<>();
    Handler<Object, Object> sending =
        (connection, line) -> {
          try {
            connection.send(7);
          } catch (IllegalArgumentException e) {
            refusal.complete(e);
          }
          connection.send("sorry\n");
        };
    try (RawPeer peer = connectLines(encoder, sending)) {
      peer.write(bytes("a\n"));
      assertThat(read(peer, "sorry\n")).isEqualTo("sorry\n");
    }
    assertThat(refusal.get(10, SECONDS))
        .hasMessage("message: java.lang.Integer (expected: one that the codec can encode)")
        .hasRootCauseInstanceOf(ArithmeticException.class);
  }

  @Test
  void handlerThatCannotBeAddedClosesTheConnection() throws Exception {
    ChannelHandler failing =
        new ChannelInboundHandlerAdapter() {
          @Override
          public void handlerAdded(ChannelHandlerContext ctx) {
            throw new IllegalStateException("not me");
          }
        };
    Recorder<Object, Object> recorder = Recorder.silent();
    try (LogCapture netty = new LogCapture("io.netty");
        RawPeer peer = connectLines(failing, recorder)) {
      peer.expectEnd();
      assertThat(netty.records()).isEmpty();
    }
    recorder.expectNothingMore();
  }

  // Tasks.

  @Test
  void laterTasksOfHandlersRun() throws Exception {
    ChannelHandler idle =
        new IdleStateHandler(0, 0, 50, MILLISECONDS) {
          @Override
          protected void channelIdle(ChannelHandlerContext ctx, IdleStateEvent event) {
            ctx.writeAndFlush("idle\n");
          }
        };
    try (RawPeer peer = connectLines(idle, SHOUTING)) {
      assertThat(read(peer, "idle\nidle\n")).isEqualTo("idle\nidle\n");
      peer.write(bytes("a\n"));
      assertThat(all(peer.shutdownOutput())).contains("a!\n"); // it may be idle again behind that
    }
  }

  @Test
  void readTimeoutClosesTheConnection() throws Exception {
    CloseRecorder ends = new CloseRecorder(SHOUTING);
    try (RawPeer peer = connectLines(new ReadTimeoutHandler(3), ends)) {
      peer.write(bytes("a\n"));
      assertThat(all(peer)).isEqualTo("a!\n");
    }
    assertThat(ends.reason().kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    assertThat(ends.reason().cause())
        .hasMessage("input: ReadTimeoutException (expected: bytes that the codec can decode)")
        .hasCauseInstanceOf(ReadTimeoutException.class);
  }

  @Test
  void readTimeoutClosesAPausedConnectionThatHoldsMessages() throws Exception {
    Recorder<Object, Object> pausing =
        new Recorder<>((connection, line) -> connection.pauseReading());
    try (RawPeer peer = connectLines(new ReadTimeoutHandler(3), pausing)) {
      peer.write(bytes("a\nb\nc\n"));
      peer.expectEnd();
    }
    pausing.expect("connect", "message a", "close PROTOCOL_ERROR");
    pausing.expectNothingMore();
  }

  @Test
  void tasksMayMakeMessages() throws Exception {
    ChannelHandler late =
        new ChannelInboundHandlerAdapter() {
          @Override
          public void channelRead(ChannelHandlerContext ctx, Object line) {
            ctx.executor().execute(() -> ctx.fireChannelRead(line + " soon"));
            ctx.executor().schedule(() -> ctx.fireChannelRead(line + " later"), 20, MILLISECONDS);
          }
        };
    try (RawPeer peer = connectLines(late, SHOUTING)) {
      peer.write(bytes("a\n"));
      assertThat(read(peer, "a soon!\na later!\n")).isEqualTo("a soon!\na later!\n");
    }
  }

  @Test
  void whatIsSentMayMakeMessages() throws Exception {
    ChannelHandler loopback =
        new ChannelDuplexHandler() {
          @Override
          public void write(
              ChannelHandlerContext ctx, Object line, io.netty.channel.ChannelPromise promise) {
            if (line.equals("a!\n")) {
              ctx.fireChannelRead("sent");
            }
            ctx.write(line, promise);
          }
        };
    try (RawPeer peer = connectLines(loopback, SHOUTING)) {
      peer.write(bytes("a\n"));
      assertThat(read(peer, "a!\nsent!\n")).isEqualTo("a!\nsent!\n");
    }
  }

  @Test
  void handlersMayWriteFromOtherThreads() throws Exception {
    ChannelHandler elsewhere =
        new ChannelInboundHandlerAdapter() {
          @Override
          public void channelRead(ChannelHandlerContext ctx, Object line) {
            Thread thread =
                new Thread(
                    () -> {
                      ctx.writeAndFlush(line + " from elsewhere\n");
                      ctx.executor().execute(() -> ctx.fireChannelRead(line));
                    });
            thread.start();
          }
        };
    try (RawPeer peer = connectLines(elsewhere, SHOUTING)) {
      peer.write(bytes("a\n"));
      String expected = "a from elsewhere\na!\n";
      assertThat(read(peer, expected)).isEqualTo(expected);
    }
  }

  @Test
  void taskThatRunsItselfAgainAndAgainBlocksNobody() throws Exception {
    ChannelHandler restless =
        new ChannelInboundHandlerAdapter() {
          @Override
          public void channelActive(ChannelHandlerContext ctx) {
            again(ctx);
          }

          private void again(ChannelHandlerContext ctx) {
            if (ctx.channel().isOpen()) {
              ctx.executor().execute(() -> again(ctx));
            }
          }
        };
    try (RawPeer peer = connectLines(restless, SHOUTING)) {
      peer.write(bytes("a\n"));
      assertThat(read(peer, "a!\n")).isEqualTo("a!\n");
    }
  }

  // The end.

  @Test
  void handlersAreToldOfTheEndOnceAndRemoved() throws Exception {
    AtomicInteger inactive = new AtomicInteger();
    AtomicInteger removed = new AtomicInteger();
    ChannelHandler watching =
        new ChannelInboundHandlerAdapter() {
          @Override
          public void channelInactive(ChannelHandlerContext ctx) {
            inactive.incrementAndGet();
            ctx.fireChannelInactive();
          }

          @Override
          public void handlerRemoved(ChannelHandlerContext ctx) {
            removed.incrementAndGet();
          }
        };
    CloseRecorder ends = new CloseRecorder(SHOUTING);
    try (RawPeer peer = connectLines(watching, ends)) {
      peer.write(bytes("a\nhalf a li"));
      assertThat(read(peer, "a!\n")).isEqualTo("a!\n");
    }
    assertThat(ends.reason().kind()).isEqualTo(CloseReason.Kind.PEER_CLOSED);
    Eventually.holds("removal", () -> removed.get() == 1);
    assertThat(inactive).hasValue(1);
    assertThat(ends.closes).hasValue(1);
  }

  @Test
  void farewellOfAHandlerIsSent() throws Exception {
    ChannelHandler polite =
        new ChannelDuplexHandler() {
          @Override
          public void close(ChannelHandlerContext ctx, io.netty.channel.ChannelPromise promise) {
            ctx.writeAndFlush("farewell\n");
            ctx.close(promise);
          }
        };
    Handler<Object, Object> closing =
        (connection, line) -> {
          connection.send(line + "!\n");
          connection.close();
        };
    try (RawPeer peer = connectLines(polite, closing)) {
      peer.write(bytes("a\n"));
      assertThat(all(peer)).isEqualTo("a!\nfarewell\n");
    }
  }

  @Test
  void closeReleasesWhatIsHeldAndKeptBack() throws Exception {
    Supplier<List<ChannelHandler>> frames =
        () ->
            List.of(
                new FixedLengthFrameDecoder(4),
                new ChannelInboundHandlerAdapter() {
                  @Override
                  public void channelRead(ChannelHandlerContext ctx, Object frame) {
                    ctx.writeAndFlush(((ByteBuf) frame).retainedDuplicate()); // deferred
                    ctx.fireChannelRead(frame);
                  }
                });
    CloseRecorder pausing = new CloseRecorder((connection, frame) -> connection.pauseReading());
    CompletableFuture<Boolean> paused = new CompletableFuture<>();
    CloseRecorder ends =
        new CloseRecorder(
            (connection, frame) -> {
              pausing.onMessage(connection, frame);
              paused.complete(true);
            });
    try (RawPeer peer = connect(Object.class, frames, ends)) {
      peer.write(bytes("abcdefghijkl" + "mn"));
      assertThat(paused.get(10, SECONDS)).isTrue();
      server.stop(java.time.Duration.ZERO);
      server.awaitStop();
    }
    assertThat(ends.reason().kind()).isEqualTo(CloseReason.Kind.SERVER_STOPPED);
    assertThat(ends.closes).hasValue(1);
  }
}
