package dev.jev;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Mapped protocols, see {@link Protocol#map}: messages, and functions that fail. */
class MappedProtocolTest {

  /** A context whose methods must not be called. */
  private static final ProtocolContext UNUSED =
      (ProtocolContext)
          Proxy.newProxyInstance(
              ProtocolContext.class.getClassLoader(),
              new Class<?>[] {ProtocolContext.class},
              (proxy, method, arguments) -> {
                throw new AssertionError(method.getName());
              });

  /** All bytes are one message, whose payload leaves as a tail. */
  private static class Raw implements Protocol<ByteBuf, ByteBuf> {

    @Override
    public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
      return in.readRetainedSlice(in.readableBytes());
    }

    @Override
    public void pack(ByteBuf message, ByteBuf out) {
      out.writeByte('>');
    }

    @Override
    public ByteBuf zeroCopyTail(ByteBuf message) {
      return message;
    }
  }

  private static CloseReason converse(
      Supplier<Protocol<String, String>> protocol, String sent, String answer) throws Exception {
    CompletableFuture<CloseReason> closed = new CompletableFuture<>();
    Handler<String, String> echo =
        new Handler<>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {
            connection.send(message);
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            closed.complete(reason);
          }
        };
    try (Server server = Server.builder(protocol, echo).listen("tcp://127.0.0.1:0").start();
        RawPeer peer = RawPeer.connect(server)) {
      peer.write(sent.getBytes(US_ASCII));
      assertThat(new String(peer.read(answer.length()), US_ASCII)).isEqualTo(answer);
      peer.shutdownOutput();
      return closed.get(10, TimeUnit.SECONDS);
    }
  }

  private static String text(ByteBuf bytes) {
    return bytes.toString(US_ASCII);
  }

  private static ByteBuf pooled(String text) {
    ByteBuf bytes = PooledByteBufAllocator.DEFAULT.directBuffer();
    bytes.writeCharSequence(text, US_ASCII);
    return bytes;
  }

  @Test
  void messagesGoThroughBothFunctionsAndTheirBuffersAreReleased() throws Exception {
    CloseReason reason =
        converse(
            () -> new Raw().map(MappedProtocolTest::text, MappedProtocolTest::pooled), "hi", ">hi");
    assertThat(reason.kind()).isEqualTo(CloseReason.Kind.PEER_CLOSED);
  }

  @Test
  void oneDirectionMayBeMappedAlone() throws Exception {
    Protocol<String, String> shout =
        new Raw()
            .mapInbound(MappedProtocolTest::text)
            .mapInbound(String::trim)
            .mapOutbound((String text) -> pooled(text + "!"));
    assertThat(converse(() -> shout, " hi ", ">hi!").kind())
        .isEqualTo(CloseReason.Kind.PEER_CLOSED);
  }

  @Test
  void bufferThatAFunctionReturnsUnchangedIsNeitherCopiedNorReleased() {
    Protocol<ByteBuf, ByteBuf> same =
        new Raw().map(ByteBuf::markReaderIndex, (ByteBuf bytes) -> bytes);
    ByteBuf out = Unpooled.buffer();
    ByteBuf message = pooled("hello");
    same.pack(message, out);
    assertThat(same.zeroCopyTail(message)).isSameAs(message);
    assertThat(message.refCnt()).isEqualTo(1);
    ByteBuf unpacked = same.unpack(UNUSED, message);
    assertThat(text(unpacked)).isEqualTo("hello");
    assertThat(unpacked.release()).isTrue();
    assertThat(message.release()).isTrue();
    out.release();
  }

  @Test
  void encodedBufferIsReleasedWhateverClosesConnectionDoes() {
    List<ByteBuf> encoded = new ArrayList<>();
    Protocol<ByteBuf, ByteBuf> closing =
        new Raw() {
          @Override
          public boolean closesConnection(ByteBuf message) {
            encoded.add(message);
            if (text(message).isEmpty()) {
              throw new IllegalArgumentException("empty");
            }
            return text(message).equals("bye");
          }
        };
    Protocol<ByteBuf, String> mapped = closing.mapOutbound(MappedProtocolTest::pooled);
    assertThat(mapped.closesConnection("bye")).isTrue();
    assertThat(mapped.closesConnection("hi")).isFalse();
    assertThatThrownBy(() -> mapped.closesConnection("")).hasMessage("empty");
    assertThat(encoded).hasSize(3).allMatch(each -> each.refCnt() == 0);
  }

  @Test
  void bufferThatRefersToTheArgumentTakesAReferenceOfItsOwn() {
    Protocol<ByteBuf, ByteBuf> withoutFirst =
        new Raw().mapInbound(bytes -> bytes.skipBytes(1).retainedSlice());
    ByteBuf in = pooled("hello");
    ByteBuf message = withoutFirst.unpack(UNUSED, in);
    assertThat(text(message)).isEqualTo("ello");
    assertThat(message.release()).isTrue();
    assertThat(in.release()).isTrue();
  }

  @Test
  void whatDecodeThrowsClosesWithItAsTheCause() throws Exception {
    Function<ByteBuf, String> failing =
        bytes -> {
          throw new NumberFormatException("no number");
        };
    CloseReason reason =
        converse(() -> new Raw().map(failing, MappedProtocolTest::pooled), "x", "");
    assertThat(reason.kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    assertThat(reason.cause())
        .isInstanceOf(ProtocolException.class)
        .hasMessage(
            "decoded message: java.lang.NumberFormatException was thrown (expected: a message)")
        .hasCauseInstanceOf(NumberFormatException.class);
  }

  @Test
  void protocolExceptionOfAFunctionIsLeftAsItIs() throws Exception {
    ProtocolException own = new ProtocolException("version: 2 (expected: 1)");
    Function<ByteBuf, String> failing =
        bytes -> {
          throw own;
        };
    CloseReason reason =
        converse(() -> new Raw().map(failing, MappedProtocolTest::pooled), "x", "");
    assertThat(reason.cause()).isSameAs(own);
  }

  @Test
  void whatEncodeThrowsGoesToTheSender() {
    Protocol<ByteBuf, String> failing =
        new Raw()
            .mapOutbound(
                text -> {
                  throw new IllegalStateException("no");
                });
    ByteBuf out = Unpooled.buffer();
    assertThatThrownBy(() -> failing.pack("x", out))
        .isInstanceOf(ProtocolException.class)
        .hasMessage(
            "encoded message: java.lang.IllegalStateException was thrown (expected: a message)")
        .hasCauseInstanceOf(IllegalStateException.class);
    out.release();
  }

  @Test
  void nullIsNoMessage() {
    ByteBuf out = Unpooled.buffer();
    assertThatThrownBy(() -> new Raw().<String>mapOutbound(text -> null).pack("x", out))
        .isInstanceOf(ProtocolException.class)
        .hasMessage("encoded message: null (expected: a message)");
    out.release();
  }

  @Test
  void failedEncodeUndoesNoEarlierMessage() {
    List<String> calls = new ArrayList<>();
    Protocol<ByteBuf, ByteBuf> recording =
        new Raw() {
          @Override
          public void pack(ByteBuf message, ByteBuf out) {
            calls.add("pack " + text(message));
          }

          @Override
          public void undoPack() {
            calls.add("undo");
          }
        };
    Protocol<ByteBuf, String> mapped =
        recording.mapOutbound(text -> text.isEmpty() ? null : pooled(text));
    ByteBuf out = Unpooled.buffer();
    mapped.pack("first", out);
    assertThatThrownBy(() -> mapped.pack("", out)).hasMessageContaining("encoded message: null");
    mapped.undoPack();
    assertThat(calls).containsExactly("pack first");
    mapped.pack("second", out);
    mapped.undoPack();
    assertThat(calls).containsExactly("pack first", "pack second", "undo");
    out.release();
  }
}
