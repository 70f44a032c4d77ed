package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.websocket.WebSocketMessage.Binary;
import dev.jev.websocket.WebSocketMessage.Fragment;
import dev.jev.websocket.WebSocketMessage.Text;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.buffer.UnpooledHeapByteBuf;
import java.net.URI;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Messages that fail while they are packed, and those that follow. */
@Timeout(60)
class FailedPackTest {

  private static final String NEWS = "the quick brown fox jumps over the lazy dog";

  /** A buffer whose release fails, as if another thread had released it, too. */
  private static final class Unreleasable extends UnpooledHeapByteBuf {
    private Unreleasable(String text) {
      super(UnpooledByteBufAllocator.DEFAULT, text.length(), text.length());
      writeCharSequence(text, US_ASCII);
    }

    @Override
    protected void deallocate() {
      super.deallocate();
      throw new IllegalStateException("release");
    }
  }

  private static WebSocketCompression takeover() {
    return WebSocketCompression.DEFAULT.minBytes(1).contextTakeover();
  }

  @Test
  void compressedMessageThatFailsInTheMiddleLeavesTheNextOnesReadable() throws Exception {
    byte[] noise = new byte[200_000];
    new Random(1).nextBytes(noise);
    PermessageDeflate agreed = new PermessageDeflate(takeover(), true, 15, true, 15);
    MessageWriter writer = new MessageWriter(Role.SERVER);
    writer.compress(agreed, WebSocketObserver.NONE);
    ByteBuf out = Unpooled.directBuffer();
    ByteBuf small = Unpooled.directBuffer(64, 60_000);
    Text news = WebSocketMessage.text(NEWS);
    Binary tooLong = WebSocketMessage.binary(Unpooled.wrappedBuffer(noise));
    try (LoopbackPair pair = new LoopbackPair(Role.SERVER, agreed, 1 << 20)) {
      writer.text(news, out);
      assertThatThrownBy(() -> writer.binary(tooLong, small))
          .isInstanceOf(IndexOutOfBoundsException.class);
      writer.undo();
      writer.text(news, out);
      assertThat(pair.read(LoopbackPair.bytes(out), new Random(1), 1000))
          .containsExactly(NEWS.getBytes(US_ASCII), NEWS.getBytes(US_ASCII));
    } finally {
      writer.release();
      out.release();
      small.release();
    }
  }

  private void exchange(
      boolean compressed, Consumer<Connection<WebSocketMessage>> sends, String... expected)
      throws Exception {
    exchange(compressed, UnaryOperator.identity(), sends, expected);
  }

  private void exchange(
      boolean compressed,
      UnaryOperator<WebSocketMessage> encode,
      Consumer<Connection<WebSocketMessage>> sends,
      String... expected)
      throws Exception {
    BlockingQueue<String> received = new LinkedBlockingQueue<>();
    WebSocketServerBuilder protocol = WebSocketProtocol.server();
    if (compressed) {
      protocol.compression(takeover());
    }
    Handler<WebSocketMessage, WebSocketMessage> server =
        (connection, message) -> sends.accept(connection);
    Handler<WebSocketMessage, WebSocketMessage> client =
        new Handler<>() {
          @Override
          public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
            received.add(((Text) message).text());
          }

          @Override
          public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
            received.add(reason.toString());
          }
        };
    Supplier<WebSocketProtocol> protocols = protocol.build();
    try (Server running =
        Server.builder(() -> protocols.get().mapOutbound(encode), server)
            .listen("127.0.0.1:0")
            .start()) {
      var target = WebSocketProtocol.client(URI.create("ws://127.0.0.1:" + running.port()));
      if (compressed) {
        target.compression(takeover());
      }
      try (Client<WebSocketMessage> peer =
          Client.builder(target.build(), client).connect(target.address())) {
        peer.connected().toCompletableFuture().get(10, TimeUnit.SECONDS);
        peer.send(WebSocketMessage.text("hello"));
        for (String text : expected) {
          assertThat(received.poll(5, TimeUnit.SECONDS)).isEqualTo(text);
        }
      }
    }
  }

  private static void fails(Connection<WebSocketMessage> connection, WebSocketMessage message) {
    assertThatThrownBy(() -> connection.send(message)).hasMessage("release");
  }

  private static Fragment part(ByteBuf content, boolean first, boolean last) {
    return new Fragment(content, true, first, last);
  }

  private static ByteBuf bytes(String text) {
    return Unpooled.copiedBuffer(text, US_ASCII);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void messageThatIsUndoneLeavesTheNextOnesReadable(boolean compressed) throws Exception {
    exchange(
        compressed,
        connection -> {
          connection.send(WebSocketMessage.text(NEWS));
          fails(connection, WebSocketMessage.binary(new Unreleasable("lost " + NEWS + NEWS)));
          connection.send(WebSocketMessage.text("lost " + NEWS));
        },
        NEWS,
        "lost " + NEWS);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void firstFragmentThatIsUndoneBeginsNoMessage(boolean compressed) throws Exception {
    exchange(
        compressed,
        connection -> {
          fails(connection, part(new Unreleasable("lost"), true, false));
          connection.send(WebSocketMessage.text("next"));
        },
        "next");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void lastFragmentThatIsUndoneEndsNoMessage(boolean compressed) throws Exception {
    exchange(
        compressed,
        connection -> {
          connection.send(part(bytes("a"), true, false));
          fails(connection, part(new Unreleasable("lost"), false, true));
          connection.send(part(bytes("b"), false, true));
          connection.send(WebSocketMessage.text("next"));
        },
        "ab",
        "next");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void messageThatCannotBeMappedLeavesAFragmentedOneOpen(boolean compressed) throws Exception {
    WebSocketMessage unmapped = WebSocketMessage.text("unmapped");
    exchange(
        compressed,
        message -> message == unmapped ? null : message,
        connection -> {
          connection.send(part(bytes("a"), true, false));
          assertThatThrownBy(() -> connection.send(unmapped)).hasMessageContaining("null");
          connection.send(part(bytes("b"), false, true));
          connection.send(WebSocketMessage.text("next"));
        },
        "ab",
        "next");
  }

  @Test
  void longTextThatCannotBePackedIsNotLeaked() {
    PermessageDeflate agreed = new PermessageDeflate(takeover(), true, 15, true, 15);
    MessageWriter writer = new MessageWriter(Role.SERVER);
    writer.compress(agreed, WebSocketObserver.NONE);
    long before = PooledByteBufAllocator.DEFAULT.metric().usedDirectMemory();
    StringBuilder noise = new StringBuilder();
    new Random(1).ints(200_000, ' ', '~').forEach(c -> noise.append((char) c));
    Text tooLong = WebSocketMessage.text(noise.toString());
    ByteBuf small = PooledByteBufAllocator.DEFAULT.directBuffer(64, 60_000);
    try {
      for (int i = 0; i < 1000; i++) {
        small.clear();
        assertThatThrownBy(() -> writer.text(tooLong, small))
            .isInstanceOf(IndexOutOfBoundsException.class);
        writer.undo();
      }
      assertThat(PooledByteBufAllocator.DEFAULT.metric().usedDirectMemory() - before)
          .isLessThan(64 << 20);
    } finally {
      writer.release();
      small.release();
    }
  }
}
