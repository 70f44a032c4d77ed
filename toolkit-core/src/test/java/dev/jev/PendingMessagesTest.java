package dev.jev;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A protocol that makes several messages at once, and other uses of its context. */
class PendingMessagesTest {

  private final Recorder<String, String> recorder = Recorder.silent();
  private @Nullable Server server;

  /** Each byte is as many messages as its value. */
  private static class Bursts implements Protocol<String, String> {

    private int last;
    int pending;

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      if (pending == 0) {
        last = in.readByte();
        pending = last;
      }
      return pending == 0 ? null : last + "/" + pending--;
    }

    @Override
    public int pendingMessages() {
      return pending;
    }

    @Override
    public void pack(String message, ByteBuf out) {
      out.writeCharSequence(message, US_ASCII);
    }

    @Override
    public void close(ProtocolContext context, CloseReason reason) {
      pending = 0;
    }
  }

  private RawPeer connect(
      Supplier<Protocol<String, String>> protocol, Handler<String, String> handler)
      throws Exception {
    server = Server.builder(protocol, handler).listen("tcp://127.0.0.1:0").eventLoops(1).start();
    return RawPeer.connect(server);
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    recorder.expectNothingMore();
  }

  @Test
  void oneByteMayBeSeveralMessages() throws Exception {
    try (RawPeer peer = connect(Bursts::new, recorder)) {
      peer.write(new byte[] {3, 1, 2});
      recorder.expect("connect", "message 3/3", "message 3/2", "message 3/1", "message 1/1");
      recorder.expect("message 2/2", "message 2/1");
    }
    recorder.expect("close PEER_CLOSED");
  }

  @Test
  void pendingMessagesWaitWhileReadingIsPausedAndComeBeforeTheClose() throws Exception {
    Recorder<String, String> pausing =
        new Recorder<>((connection, message) -> connection.pauseReading());
    try (RawPeer peer = connect(Bursts::new, pausing)) {
      peer.write(new byte[] {3}).shutdownOutput();
      pausing.expect("connect");
      Connection<String> connection = pausing.connection();
      for (String message : new String[] {"message 3/3", "message 3/2", "message 3/1"}) {
        pausing.expect(message);
        pausing.expectNothingMore();
        connection.execute(connection::resumeReading); // after the callback, which pauses
      }
      pausing.expect("close PEER_CLOSED");
    }
  }

  @Test
  void pendingMessagesAreNotDeliveredAfterAClose() throws Exception {
    Recorder<String, String> closing = new Recorder<>((connection, message) -> connection.close());
    try (RawPeer peer = connect(Bursts::new, closing)) {
      peer.write(new byte[] {9}).expectEnd();
    }
    closing.expect("connect", "message 9/9", "close CLOSED");
    closing.expectNothingMore();
  }

  @Test
  void pendingMessagesThatDoNotGetFewerAreRefused() throws Exception {
    CompletableFuture<CloseReason> closed = new CompletableFuture<>();
    Protocol<String, String> endless =
        new Bursts() {
          @Override
          public int pendingMessages() {
            return 7;
          }
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
    try (LogCapture log = new LogCapture("dev.jev");
        RawPeer peer = connect(() -> endless, handler)) {
      peer.write(new byte[] {2}).expectEndAndClose();
      assertThat(closed.get(10, TimeUnit.SECONDS).cause())
          .hasMessageEndingWith("returned a message but consumed no bytes");
      assertThat(log.records()).hasSize(1);
    }
  }

  @Test
  void protocolMayWaitAndTellTheHandlerWhatItFoundOut() throws Exception {
    CompletableFuture<SocketAddress> from = new CompletableFuture<>();
    Protocol<String, String> patient =
        new Bursts() {
          @Override
          public void open(ProtocolContext context) {
            context.runAfter(
                Duration.ofMillis(20),
                () -> {
                  assertThat(context.attribute(String.class)).isNull();
                  context.attribute(String.class, "found out");
                  assertThat(context.attribute(String.class)).isEqualTo("found out");
                  from.complete(context.remoteAddress());
                  context.ready();
                });
          }

          @Override
          public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
            return context.isReady() ? super.unpack(context, in) : null;
          }
        };
    CompletableFuture<String> told = new CompletableFuture<>();
    Recorder<String, String> asking =
        new Recorder<>((connection, message) -> told.complete(connection.attribute(String.class)));
    try (RawPeer peer = connect(() -> patient, asking)) {
      peer.write(new byte[] {1});
      asking.expect("connect", "message 1/1");
      assertThat(told.get(10, TimeUnit.SECONDS)).isEqualTo("found out");
      assertThat(from).isCompletedWithValue(peer.socket().getLocalSocketAddress());
    }
    asking.expect("close PEER_CLOSED");
  }

  @Test
  void taskOfAProtocolMayMakeMessages() throws Exception {
    Protocol<String, String> late =
        new Bursts() {
          @Override
          public void open(ProtocolContext context) {
            super.open(context);
            context.runAfter(Duration.ZERO, () -> pending = 2);
          }
        };
    try (RawPeer peer = connect(() -> late, recorder)) {
      recorder.expect("connect", "message 0/2", "message 0/1");
      peer.shutdownOutput().expectEnd();
    }
    recorder.expect("close PEER_CLOSED");
  }

  @Test
  void taskOfAProtocolThatThrowsClosesWithProtocolError() throws Exception {
    Protocol<String, String> failing =
        new Bursts() {
          @Override
          public void open(ProtocolContext context) {
            super.open(context);
            context.runAfter(
                Duration.ZERO,
                () -> {
                  throw new ProtocolException("pong: none (expected: within 10 s)");
                });
          }
        };
    try (RawPeer peer = connect(() -> failing, recorder)) {
      peer.expectEnd();
    }
    recorder.expect("connect", "close PROTOCOL_ERROR");
  }

  @Test
  void taskOfAProtocolDoesNotRunAfterTheClose() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    class Waiting extends Bursts {
      @Override
      public void open(ProtocolContext context) {
        super.open(context);
        context.runAfter(Duration.ofMillis(500), runs::incrementAndGet);
      }
    }
    try (TimedConnections<String, String> timed = new TimedConnections<>(Waiting::new, recorder)) {
      var closed = timed.connect();
      var open = timed.connect();
      recorder.expect("connect", "connect");
      timed.pass(Duration.ofMillis(499));
      closed.close();
      recorder.expect("close PEER_CLOSED");
      timed.pass(Duration.ofMinutes(1));
      assertThat(open.connection().isOpen()).isTrue();
      assertThat(runs).as("of the connection that is open").hasValue(1);
      open.close();
      recorder.expect("close PEER_CLOSED");
    }
  }

  @Test
  void droppingPendingMessagesDoesNotDelayUnreadBytes() throws Exception {
    Protocol<String, String> forgetful =
        new Bursts() {
          @Override
          public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
            if (pending == 1) {
              pending = 0;
              return null;
            }
            return super.unpack(context, in);
          }
        };
    try (RawPeer peer = connect(() -> forgetful, recorder)) {
      peer.write(new byte[] {2, 2});
      recorder.expect("connect", "message 2/2", "message 2/2");
    }
    recorder.expect("close PEER_CLOSED");
  }

  /** Answers each byte of its handshake with 1 MiB. */
  private static final class Generous extends Bursts {

    static final int ANSWER_BYTES = 1024 * 1024;

    private final AtomicInteger answers;

    Generous(AtomicInteger answers) {
      this.answers = answers;
    }

    @Override
    public void open(ProtocolContext context) {}

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      if (in.readByte() == 0) {
        context.ready();
      } else {
        answers.incrementAndGet();
        context.write(Unpooled.wrappedBuffer(new byte[ANSWER_BYTES]));
      }
      return null;
    }
  }

  @Test
  void stepsOfAHandshakeWaitWhileThePeerDoesNotRead() throws Exception {
    AtomicInteger answers = new AtomicInteger();
    server =
        Server.<String, String>builder(() -> new Generous(answers), recorder)
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .start();
    byte[] steps = new byte[30];
    Arrays.fill(steps, 0, 29, (byte) 1);
    try (RawPeer peer = RawPeer.connect(server, /* receiveBuffer= */ 64 * 1024).write(steps)) {
      assertThat(peer.read(1)).hasSize(1);
      assertThat(answers.get()).as("answers before the peer reads").isLessThan(20);
      assertThat(peer.read(29 * Generous.ANSWER_BYTES - 1)).hasSize(29 * Generous.ANSWER_BYTES - 1);
      recorder.expect("connect");
      assertThat(answers).hasValue(29);
    }
    recorder.expect("close PEER_CLOSED");
  }

  @Test
  void protocolThatThrowsWhenAskedWhatItHoldsIsClosedWithProtocolError() throws Exception {
    Protocol<String, String> failing =
        new Bursts() {
          @Override
          public int pendingMessages() {
            throw new IllegalStateException("pending");
          }
        };
    try (LogCapture log = new LogCapture("dev.jev");
        RawPeer peer = connect(() -> failing, recorder)) {
      peer.write(new byte[] {1, 2}).expectEndAndClose();
      recorder.expect("connect", "close PROTOCOL_ERROR");
      assertThat(log.records()).hasSize(1);
    }
  }

  @Test
  void reasonOfACloseMustNotBeNull() throws Exception {
    Protocol<String, String> failing =
        new Bursts() {
          @Override
          public void open(ProtocolContext context) {
            context.ready();
            context.close(null);
          }
        };
    try (LogCapture log = new LogCapture("dev.jev");
        RawPeer peer = connect(() -> failing, recorder)) {
      peer.expectEnd();
      assertThat(log.records()).hasSize(1);
    }
  }

  /** Reads 40 frames of one message each, and the peer's end of output, while it writes. */
  private static final class ReadingWriter extends ChannelDuplexHandler implements Plugin {

    private boolean read;

    @Override
    public @Nullable Observer install(Link link) {
      link.pipeline().addLast(this);
      return null;
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object out, ChannelPromise promise) {
      ctx.write(out, promise);
      if (!read) {
        read = true;
        for (int i = 0; i < 40; i++) {
          ctx.fireChannelRead(Unpooled.wrappedBuffer(new byte[] {1}));
        }
        ctx.fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
      }
    }
  }

  @Test
  void allThatCameBeforeTheEndIsDeliveredHoweverManyReadsItWere() throws Exception {
    AtomicInteger messages = new AtomicInteger();
    CompletableFuture<Integer> closed = new CompletableFuture<>();
    Handler<String, String> handler =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {
            if (messages.incrementAndGet() == 1) {
              connection.send("y".repeat(40_000)); // is written before the turn ends
            }
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            closed.complete(messages.get());
          }
        };
    server =
        Server.<String, String>builder(Bursts::new, handler)
            .plugin(new ReadingWriter())
            .listen("tcp://127.0.0.1:0")
            .start();
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.write(new byte[] {1});
      assertThat(closed.get(10, TimeUnit.SECONDS)).isEqualTo(41);
    }
  }
}
