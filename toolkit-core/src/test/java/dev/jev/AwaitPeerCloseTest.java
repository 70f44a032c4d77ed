package dev.jev;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.jev.CloseReason.Kind;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A protocol with a close handshake: "bye!" and "ciao". */
class AwaitPeerCloseTest {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private @Nullable Server server;

  /** Each letter is a message, except letters between the two closes. */
  private static class Polite implements Protocol<String, String> {

    private boolean answered;

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      if (in.getByte(in.readerIndex()) != 'c') {
        return in.readCharSequence(1, US_ASCII).toString();
      }
      if (in.readableBytes() >= 4) {
        answered = true;
        context.close(CloseReason.of(Kind.PEER_CLOSED));
      }
      return null;
    }

    @Override
    public void pack(String message, ByteBuf out) {
      out.writeCharSequence(message, US_ASCII);
    }

    @Override
    public void close(ProtocolContext context, CloseReason reason) {
      context.write(Unpooled.copiedBuffer("bye!", US_ASCII));
    }

    @Override
    public boolean awaitPeerClose(ProtocolContext context, ByteBuf in) {
      while (in.readableBytes() >= 4 && !answered) {
        answered = in.readCharSequence(4, US_ASCII).toString().equals("ciao");
      }
      return answered;
    }
  }

  private RawPeer connect(Transport transport, Recorder<String, String> recorder) throws Exception {
    return connect(transport, recorder, MINUTE);
  }

  private RawPeer connect(
      Transport transport,
      Recorder<String, String> recorder,
      Duration closeTimeout,
      Plugin... plugins)
      throws Exception {
    Server.Builder<String, String> builder = Server.builder(Polite::new, recorder);
    for (Plugin plugin : plugins) {
      builder.plugin(plugin);
    }
    server =
        builder
            .listen("tcp://127.0.0.1:0")
            .transport(transport)
            .closeTimeout(closeTimeout)
            .eventLoops(1)
            .start();
    RawPeer peer = RawPeer.connect(server);
    recorder.expect("connect");
    return peer;
  }

  private static void expectBye(RawPeer peer) throws Exception {
    assertThat(peer.read(4)).asString(US_ASCII).isEqualTo("bye!");
  }

  private static RawPeer write(RawPeer peer, String text) throws Exception {
    return peer.write(text.getBytes(US_ASCII));
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"NIO", "EPOLL", "IO_URING"})
  void socketStaysOpenUntilThePeerHasAnswered(Transport transport) throws Exception {
    assumeTrue(transport.isAvailable());
    Recorder<String, String> recorder = Recorder.silent();
    try (RawPeer peer = connect(transport, recorder)) {
      recorder.connection().close();
      expectBye(peer);
      peer.socket().setSoTimeout(100);
      assertThat(endsNow(peer)).isFalse();
      peer.socket().setSoTimeout(10_000);
      write(peer, "datadata");
      write(peer, "ci");
      write(peer, "ao").expectEnd();
    }
    recorder.expect("close CLOSED");
    recorder.expectNothingMore();
  }

  private static boolean endsNow(RawPeer peer) throws Exception {
    try {
      return peer.read() == -1;
    } catch (SocketTimeoutException e) {
      return false;
    }
  }

  @Test
  void peerThatDoesNotAnswerIsWaitedForUntilTheCloseTimeout() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    Duration closeTimeout = Duration.ofMillis(400);
    try (RawPeer peer = connect(Transport.AUTO, recorder, closeTimeout)) {
      long start = System.nanoTime();
      recorder.connection().close();
      expectBye(peer);
      peer.expectEnd();
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThanOrEqualTo(closeTimeout);
    }
    recorder.expect("close CLOSED");
  }

  @Test
  void peerThatEndsInsteadIsNotWaitedFor() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (RawPeer peer = connect(Transport.AUTO, recorder)) {
      recorder.connection().close();
      expectBye(peer);
      peer.shutdownOutput().expectEnd();
    }
    recorder.expect("close CLOSED");
  }

  @Test
  void answerThatWasReadBeforeIsFound() throws Exception {
    Recorder<String, String> recorder = new Recorder<>((connection, letter) -> connection.close());
    try (RawPeer peer = connect(Transport.AUTO, recorder)) {
      write(peer, "xciao");
      expectBye(peer);
      peer.expectEnd();
    }
    recorder.expect("message x", "close CLOSED");
  }

  @Test
  void answerThatWaitedBehindAPauseIsFound() throws Exception {
    Recorder<String, String> recorder =
        new Recorder<>((connection, letter) -> connection.pauseReading());
    try (RawPeer peer = connect(Transport.AUTO, recorder)) {
      write(peer, "xdataciao");
      recorder.expect("message x");
      recorder.connection().close();
      expectBye(peer);
      peer.expectEnd();
    }
    recorder.expect("close CLOSED");
    recorder.expectNothingMore();
  }

  @Test
  void closeOfThePeerEndsTheConnectionWithItsReason() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (RawPeer peer = connect(Transport.AUTO, recorder)) {
      write(peer, "ciao");
      expectBye(peer);
      peer.expectEnd();
    }
    recorder.expect("close PEER_CLOSED");
    recorder.expectNothingMore();
  }

  @Test
  void stoppedServerWaitsForTheAnswersToo() throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    try (RawPeer peer = connect(Transport.AUTO, recorder)) {
      Thread stopper = new Thread(() -> server.stop(Duration.ofSeconds(10)));
      stopper.start();
      expectBye(peer);
      write(peer, "ciao").expectEnd();
      stopper.join();
    }
    recorder.expect("close SERVER_STOPPED");
  }

  @Test
  void peerThatAnswersTooLateIsNotAskedAnyMore() throws Exception {
    AtomicInteger asked = new AtomicInteger();
    Protocol<String, String> deaf =
        new Polite() {
          @Override
          public boolean awaitPeerClose(ProtocolContext context, ByteBuf in) {
            asked.incrementAndGet();
            return false;
          }
        };
    Recorder<String, String> recorder = Recorder.silent();
    server =
        Server.builder(() -> deaf, recorder)
            .listen("tcp://127.0.0.1:0")
            .closeTimeout(Duration.ofMillis(100))
            .lingeringCloseTimeout(MINUTE) // until the peer has answered, although too late
            .start();
    try (RawPeer peer = RawPeer.connect(server)) {
      recorder.expect("connect");
      recorder.connection().close();
      expectBye(peer);
      peer.expectEnd();
      int before = asked.get();
      write(peer, "late").shutdownOutput();
      recorder.expect("close CLOSED");
      assertThat(asked).hasValue(before);
    }
  }

  @Test
  void successorOfADetachedConnectionGetsWhatWasNotUnpacked() throws Exception {
    CompletableFuture<String> handedOver = new CompletableFuture<>();
    ChannelInboundHandlerAdapter successor =
        new ChannelInboundHandlerAdapter() {
          @Override
          public void channelRead(ChannelHandlerContext ctx, Object message) {
            ByteBuf bytes = (ByteBuf) message;
            handedOver.complete(bytes.toString(US_ASCII));
            bytes.release();
            ctx.close();
          }
        };
    Recorder<String, String> recorder =
        new Recorder<>((connection, letter) -> connection.detach(successor));
    try (RawPeer peer = connect(Transport.AUTO, recorder)) {
      write(peer, "xdataciao");
      assertThat(handedOver.get(10, TimeUnit.SECONDS)).isEqualTo("dataciao");
      peer.expectEnd();
    }
    recorder.expect("message x");
  }

  /** Reads a text from the peer as soon as it has written another one. */
  private static Plugin reading(String text, String behind) {
    return new Plugin() {
      @Override
      public @Nullable Observer install(Link link) {
        link.pipeline().addLast(new ReadingWriter(text, behind));
        return null;
      }
    };
  }

  private static final class ReadingWriter extends ChannelDuplexHandler {

    private final String text;
    private final String behind;

    ReadingWriter(String text, String behind) {
      this.text = text;
      this.behind = behind;
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object out, ChannelPromise promise) {
      boolean isDue = ((ByteBuf) out).toString(US_ASCII).endsWith(behind);
      ctx.write(out, promise);
      if (isDue) {
        ctx.fireChannelRead(Unpooled.copiedBuffer(text, US_ASCII));
      }
    }
  }

  @Test
  void answerThatAPluginReadsWhileItWritesTheCloseIsFoundBehindTheRest() throws Exception {
    Recorder<String, String> recorder = new Recorder<>((connection, letter) -> connection.close());
    try (RawPeer peer = connect(Transport.AUTO, recorder, MINUTE, reading("ao", "bye!"))) {
      write(peer, "xdataci");
      expectBye(peer);
      peer.expectEnd(); // before the close timeout
    }
    recorder.expect("message x", "close CLOSED");
  }

  @Test
  void answerThatAPluginHasReadBehindAPauseIsFound() throws Exception {
    String text = "y".repeat(40_000); // is written before the turn ends
    Recorder<String, String> recorder =
        new Recorder<>(
            (connection, letter) -> {
              connection.send(text);
              connection.pauseReading();
            });
    try (RawPeer peer = connect(Transport.AUTO, recorder, MINUTE, reading("aociao", "y"))) {
      write(peer, "xdataci");
      recorder.expect("message x");
      assertThat(onLoop(recorder::threads)).isNotEmpty(); // the handler has run
      recorder.connection().close();
      assertThat(peer.read(text.length())).hasSize(text.length());
      expectBye(peer);
      peer.expectEnd(); // before the close timeout
    }
    recorder.expect("close CLOSED");
  }

  @Test
  void pluginsEndTheOutputAfterTheAnswer() throws Exception {
    AtomicBoolean ended = new AtomicBoolean();
    Plugin ending =
        new Plugin() {
          @Override
          public Observer install(Link link) {
            return new Observer() {
              @Override
              public @Nullable ChannelFuture ending() {
                ended.set(true);
                return null;
              }
            };
          }
        };
    Recorder<String, String> recorder = Recorder.silent();
    try (RawPeer peer = connect(Transport.AUTO, recorder, MINUTE, ending)) {
      recorder.connection().close();
      expectBye(peer);
      assertThat(onLoop(ended::get)).isFalse();
      write(peer, "ciao").expectEnd();
      assertThat(ended).isTrue();
    }
    recorder.expect("close CLOSED");
  }

  /** Returns a value computed on the event loop, after the tasks that it has now. */
  private <T> T onLoop(Supplier<T> question) throws Exception {
    CompletableFuture<T> answer = new CompletableFuture<>();
    server.runAfter(Duration.ZERO, () -> answer.complete(question.get()));
    return answer.get(10, TimeUnit.SECONDS);
  }
}
