package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Turns that end before all messages are unpacked: those that a protocol ends, see {@link
 * ProtocolContext#yieldTurn}, and those with many messages.
 */
class YieldTurnTest {

  /** A protocol in which a message that begins with "long" takes a turn. */
  private static final class Turns implements Protocol<String, String> {
    private final Texts texts = new Texts();

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      String message = texts.unpack(context, in);
      if (message != null && message.startsWith("long")) {
        context.yieldTurn();
      }
      return message;
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
    }
  }

  /** A protocol that ends the turn before each message, and returns null then. */
  private static final class Hesitant implements Protocol<String, String> {
    private final Texts texts = new Texts();
    private boolean hesitated;

    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      hesitated = !hesitated;
      if (hesitated) {
        context.yieldTurn();
        return null;
      }
      return texts.unpack(context, in);
    }

    @Override
    public void pack(String message, ByteBuf out) {
      texts.pack(message, out);
    }
  }

  private final List<String> seen = new ArrayList<>(); // of the only event loop
  private final CountDownLatch begun = new CountDownLatch(1);
  private final CountDownLatch otherHasSent = new CountDownLatch(1);

  @AfterEach
  void nothingIsLeft() throws Exception {
    Eventually.noServerThreadIsLeft();
  }

  private void note(Connection<String> connection, String message) {
    seen.add(message);
    connection.send(message);
    if (message.equals("long 0")) {
      begun.countDown();
      await(otherHasSent);
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /**
   * Collects the input of the first connection until there is enough, waits for the other one to
   * send, and then passes the input on in small pieces, as TLS does with small records. It may end
   * a batch of reads after each piece, as a transform does.
   */
  private final class Pieces implements Plugin {
    private static final int PIECE_BYTES = 1000;

    private final int bytes;
    private final boolean asBatches;
    private boolean installed;

    Pieces(int bytes, boolean asBatches) {
      this.bytes = bytes;
      this.asBatches = asBatches;
    }

    @Override
    public Stage stage() {
      return Stage.TRANSFORM;
    }

    @Override
    public Observer install(Link link) {
      if (!installed) {
        link.pipeline().addLast(new Splitter());
      }
      installed = true;
      return new Observer() {};
    }

    private final class Splitter extends ChannelInboundHandlerAdapter {
      private final ByteBuf all = Unpooled.buffer();

      @Override
      public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf arrived = (ByteBuf) message;
        all.writeBytes(arrived);
        arrived.release();
        if (all.readableBytes() == bytes) {
          begun.countDown();
          await(otherHasSent);
          while (all.isReadable()) {
            ctx.fireChannelRead(all.readRetainedSlice(Math.min(all.readableBytes(), PIECE_BYTES)));
            if (asBatches) {
              ctx.fireChannelReadComplete();
            }
          }
        }
      }

      @Override
      public void handlerRemoved(ChannelHandlerContext ctx) {
        all.release();
      }
    }
  }

  private Server server(Supplier<? extends Protocol<String, String>> protocol, Plugin... plugins) {
    Server.Builder<String, String> builder =
        Server.<String, String>builder(protocol, this::note)
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1);
    for (Plugin plugin : plugins) {
      builder.plugin(plugin);
    }
    return builder.start();
  }

  @Test
  void otherConnectionIsReadBeforeTheNextMessage() throws Exception {
    String[] texts = new String[1000];
    for (int i = 0; i < texts.length; i++) {
      texts[i] = "long " + i;
    }
    try (Server server = server(Turns::new);
        RawPeer peer = RawPeer.connect(server);
        RawPeer other = RawPeer.connect(server)) {
      peer.send(texts);
      await(begun);
      other.send("other");
      otherHasSent.countDown();
      assertThat(other.receive()).isEqualTo("other");
      for (String text : texts) {
        assertThat(peer.receive()).isEqualTo(text);
      }
      peer.shutdownOutput();
      peer.readAll();
    }
    assertThat(seen.indexOf("other")).isBetween(1, 20);
    assertThat(seen).hasSize(1001);
  }

  @Test
  void otherConnectionIsReadBetweenManyShortMessages() throws Exception {
    String[] texts = new String[100_000];
    Arrays.fill(texts, "");
    try (Server server = server(Texts::new);
        RawPeer peer = RawPeer.connect(server);
        RawPeer other = RawPeer.connect(server)) {
      peer.send("long 0");
      await(begun);
      peer.send(texts);
      other.send("other");
      otherHasSent.countDown();
      assertThat(other.receive()).isEqualTo("other");
      peer.shutdownOutput();
      assertThat(peer.readAll()).hasSize(4 + 6 + 4 * texts.length);
    }
    assertThat(seen.indexOf("other")).isBetween(1, 1 + 2 * Inbound.MAX_MESSAGES);
    assertThat(seen).hasSize(texts.length + 2);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void otherConnectionIsReadBetweenManyShortMessagesInSmallPieces(boolean asBatches)
      throws Exception {
    String[] texts = new String[30_000];
    Arrays.fill(texts, "");
    try (Server server = server(Texts::new, new Pieces(4 * texts.length, asBatches));
        RawPeer peer = RawPeer.connect(server);
        RawPeer other = RawPeer.connect(server)) {
      peer.send(texts);
      await(begun);
      other.send("other");
      otherHasSent.countDown();
      assertThat(other.receive()).isEqualTo("other");
      peer.shutdownOutput();
      assertThat(peer.readAll()).hasSize(4 * texts.length);
    }
    assertThat(seen.indexOf("other")).isBetween(1, 1 + 2 * Inbound.MAX_MESSAGES);
    assertThat(seen).hasSize(texts.length + 1);
  }

  @Test
  void protocolThatReturnsNullIsCalledAgain() throws Exception {
    try (Server server = server(Hesitant::new);
        RawPeer peer = RawPeer.connect(server)) {
      peer.send("one", "two", "three");
      assertThat(peer.receive()).isEqualTo("one");
      assertThat(peer.receive()).isEqualTo("two");
      assertThat(peer.receive()).isEqualTo("three");
    }
  }

  @Test
  void closeEndsAConnectionWhoseTurnIsOver() throws Exception {
    otherHasSent.countDown();
    try (Server server = server(Turns::new);
        RawPeer peer = RawPeer.connect(server)) {
      peer.send("long 0", "long 1");
      assertThat(peer.receive()).isEqualTo("long 0");
      server.stop(Duration.ofSeconds(5));
      peer.readAll();
    }
  }
}
