package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.TimedConnections;
import dev.jev.codec.Protocols;
import dev.jev.test.Hex;
import dev.jev.test.TestContext;
import dev.jev.test.UnpackLoop;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A tunnel without a network: what it makes of bytes, and of messages. */
@Timeout(60)
class TunnelTest {

  private final List<String> messages = new ArrayList<>();
  private final TestContext context = new TestContext().maxFrameBytes(1000);

  private UnpackLoop<String, String> client(Protocol<String, String> inner) {
    return new UnpackLoop<>(tunnel(Role.CLIENT, inner), context, messages::add).open();
  }

  private static <I, O> Protocol<I, O> tunnel(Role role, Protocol<I, O> inner) {
    return tunnel(role, inner, /* agreed= */ null);
  }

  private static <I, O> Protocol<I, O> tunnel(
      Role role, Protocol<I, O> inner, @Nullable PermessageDeflate agreed) {
    MessageLimits limits =
        new MessageLimits(
            /* maxMessageBytes= */ 1,
            /* maxFragments= */ 8,
            /* streaming= */ true,
            /* textOnly= */ false);
    MessageReader parts = new MessageReader(limits);
    return new TunneledProtocol<>(
        new WebSocketProtocol(role, LoopbackPair.opened(agreed), ControlPolicy.CLIENT, parts),
        inner);
  }

  private static byte[] frame(String text) {
    return Hex.bytes("82 %02x".formatted(text.length()) + Hex.of(text.getBytes(US_ASCII)));
  }

  private static byte[] close(int code, String reason) {
    String bytes = "%04x".formatted(code) + Hex.of(reason.getBytes(US_ASCII));
    return Hex.bytes("88 %02x".formatted(2 + reason.length()) + bytes);
  }

  // Input.

  @Test
  void boundariesOfMessagesMeanNothing() {
    try (var loop = client(Protocols.lines())) {
      loop.read(frame("on")).read(frame("e\ntwo\nth")).read(frame("ree\n"));
      loop.read(Hex.bytes("02 02 666f 89 00 00 00 80 03 75720a")); // fragments, a ping between
      assertThat(messages).containsExactly("one", "two", "three", "four");
    }
  }

  @Test
  void textIsRefusedWith1003() {
    try (var loop = new UnpackLoop<>(server(Protocols.lines()), context, messages::add)) {
      loop.open().read(Hex.bytes("81 82 00000000 610a"));
      assertThat(loop.refusal()).hasMessage("message: text (expected: binary)");
      assertThat(context.takeWritten()).isEqualTo(close(1003, "message: text (expected: binary)"));
      assertThat(messages).isEmpty();
    }
  }

  @Test
  void tunnelForTextsOnlyIsRefused() {
    assertThatIllegalStateException()
        .isThrownBy(() -> WebSocketProtocol.server().textOnly().tunnel(Protocols::lines))
        .withMessage("tunnel with textOnly (expected: one of them)");
    URI uri = URI.create("ws://localhost/");
    assertThatIllegalStateException()
        .isThrownBy(() -> WebSocketProtocol.client(uri).textOnly().tunnel(Protocols::lines))
        .withMessage("tunnel with textOnly (expected: one of them)");
  }

  private static Protocol<String, String> server(Protocol<String, String> inner) {
    return tunnel(Role.SERVER, inner);
  }

  @Test
  void frameOfTheInnerProtocolThatIsTooLongIsRefusedWith1009() {
    try (var loop = new UnpackLoop<>(server(new GreetedLines()), context, messages::add)) {
      loop.open().read(Hex.bytes("82 86 00000000" + Hex.of("hello\n".getBytes(US_ASCII))));
      for (int i = 0; i < 10; i++) {
        loop.read(Hex.bytes("82 e4 00000000" + "61".repeat(100))); // 1000 bytes, the limit
      }
      assertThat(loop.refusal()).isNull();
      loop.read(Hex.bytes("82 81 00000000 61"));
      String fault = "frame: more than 1001 bytes (expected: <= 1000)";
      assertThat(loop.refusal()).hasMessage(fault);
      assertThat(context.takeWritten())
          .isEqualTo(join(frame("hello\n"), frame("bye\n"), close(1009, fault)));
    }
  }

  @Test
  void limitOfTheInnerProtocolClosesWith1002() {
    Protocol<String, String> lines = Protocols.lines(US_ASCII, 10);
    try (var loop = new UnpackLoop<>(server(lines), context, messages::add)) {
      loop.open().read(Hex.bytes("82 8b 00000000" + "61".repeat(11)));
      assertThat(loop.refusal()).hasMessage("line: more than 10 bytes (expected: <= 10)");
      assertThat(context.takeWritten()).isEqualTo(close(1002, ""));
    }
  }

  @Test
  void manyMessagesOfACompressedPartAreDelivered() {
    PermessageDeflate agreed =
        new PermessageDeflate(WebSocketCompression.DEFAULT, true, 15, true, 15);
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    String line = "a line of many";
    try (LoopbackPair pair = new LoopbackPair(Role.SERVER, agreed, 1 << 20)) {
      byte[] lines = (line + "\n").repeat(20_000).getBytes(US_ASCII); // 300 kB
      for (int i = 0; i < 4; i++) { // several turns
        all.writeBytes(pair.pack(WebSocketMessage.binary(lines)));
      }
    }
    byte[] wire = all.toByteArray();
    List<String> received = new ArrayList<>();
    var inner = Protocols.lines();
    try (var loop = new UnpackLoop<>(tunnel(Role.CLIENT, inner, agreed), context, received::add)) {
      loop.open().read(wire, 0, wire.length / 2).read(wire, wire.length / 2, wire.length);
      assertThat(loop.refusal()).isNull();
    }
    assertThat(received).hasSize(80_000).allMatch(line::equals);
  }

  @Test
  void bufferOfTheTunnelCountsAndIsReleased() {
    Protocol<String, String> tunnel = server(Protocols.lines());
    try (var loop = new UnpackLoop<>(tunnel, context, messages::add)) {
      loop.open().read(Hex.bytes("82 83 00000000 610a62"));
      assertThat(messages).containsExactly("a");
      assertThat(tunnel.heldBytes()).isEqualTo(1);
      assertThat(tunnel.bufferedBytes()).isBetween(1L, 64L);
      loop.read(Hex.bytes("82 81 00000000 0a"));
      assertThat(messages).containsExactly("a", "b");
      assertThat(tunnel.heldBytes()).isZero();
      assertThat(tunnel.bufferedBytes()).isZero();
    }
  }

  @Test
  void protocolThatConsumesNothingIsFound() {
    Protocol<String, String> endless =
        new Protocol<>() {
          @Override
          public String unpack(ProtocolContext context, ByteBuf in) {
            return "again";
          }

          @Override
          public void pack(String message, ByteBuf out) {}
        };
    var loop = new UnpackLoop<>(server(endless), context, messages::add);
    assertThatThrownBy(() -> loop.open().read(Hex.bytes("82 81 00000000 61")).refusal())
        .hasMessageEndingWith("returned a message but consumed no bytes");
    loop.closeNow(CloseReason.of(Kind.IO_ERROR));
  }

  // Handshakes and farewells.

  @Test
  void innerProtocolSpeaksFirstAndLast() {
    try (var loop = new UnpackLoop<>(server(new GreetedLines()), context, messages::add)) {
      loop.open();
      assertThat(context.takeWritten()).isEqualTo(frame("hello\n"));
      assertThat(context.isReady()).isFalse();
      loop.read(Hex.bytes("82 8b 00000000" + Hex.of("hello\none\nt".getBytes(US_ASCII))));
      assertThat(context.isReady()).isTrue();
      loop.read(Hex.bytes("82 84 00000000" + Hex.of("wo\n\n".getBytes(US_ASCII))));
      assertThat(messages).containsExactly("one", "two");
      assertThat(context.takeWritten()).isEqualTo(frame("?\n"));
      loop.close(CloseReason.of(Kind.CLOSED));
      assertThat(context.takeWritten()).isEqualTo(join(frame("bye\n"), close(1000, "")));
      assertThat(loop.isAwaitingPeerClose()).isTrue();
      loop.read(Hex.bytes("82 81 00000000 61 88 82 00000000 03e8"));
      assertThat(loop.isAwaitingPeerClose()).isFalse();
    }
  }

  @Test
  void closeFrameOfThePeerEndsBothProtocols() {
    try (var loop = new UnpackLoop<>(server(new GreetedLines()), context, messages::add)) {
      loop.open().read(Hex.bytes("82 86 00000000" + Hex.of("hello\n".getBytes(US_ASCII))));
      context.takeWritten();
      loop.read(Hex.bytes("88 82 00000000 0fa1"));
      assertThat(context.closeReason()).isEqualTo(CloseReason.of(Kind.PEER_CLOSED));
      assertThat(context.takeWritten()).isEqualTo(join(frame("bye\n"), close(4001, "")));
    }
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }

  // Output.

  @Test
  void eachMessageThatIsSentIsOneBinaryMessage() {
    try (var loop = new UnpackLoop<>(server(Protocols.lines()), context, messages::add)) {
      loop.open();
      for (int length : new int[] {1, 124, 125, 126, 65_534, 65_535, 70_000}) {
        String line = "x".repeat(length);
        byte[] sent = loop.pack(line);
        try (LoopbackPair pair = new LoopbackPair(Role.SERVER, null, 1 << 20)) {
          List<String> received = new ArrayList<>();
          pair.read(sent, m -> received.add(new String(LoopbackPair.content(m), US_ASCII)));
          assertThat(received).containsExactly(line + "\n");
        }
      }
    }
  }

  @Test
  void tailIsNotCopiedByAServerAndMaskedByAClient() {
    byte[] payload = new byte[3 << 20];
    IntStream.range(0, payload.length).forEach(i -> payload[i] = (byte) (i * 31));
    for (Role role : Role.values()) {
      Protocol<ByteBuf, ByteBuf> tunnel = tunnel(role, Protocols.lengthPrefixed());
      ByteBuf out = Unpooled.buffer();
      tunnel.pack(Unpooled.wrappedBuffer(payload), out);
      ByteBuf tail = tunnel.zeroCopyTail(Unpooled.EMPTY_BUFFER);
      if (role == Role.SERVER) {
        assertThat(out.readableBytes()).isEqualTo(10 + 4);
        assertThat(tail).isEqualTo(Unpooled.wrappedBuffer(payload));
      } else {
        assertThat(tail).isNull();
        expectMasked(out, payload);
      }
    }
  }

  private static void expectMasked(ByteBuf out, byte[] payload) {
    byte[] wire = new byte[out.readableBytes()];
    out.readBytes(wire);
    try (LoopbackPair pair = new LoopbackPair(Role.CLIENT, null, 1 << 24)) {
      List<byte[]> received = new ArrayList<>();
      pair.read(wire, m -> received.add(LoopbackPair.content(m)));
      byte[] length = Hex.bytes("%08x".formatted(payload.length));
      assertThat(received).containsExactly(join(length, payload));
    }
  }

  @Test
  void messageThatCannotBePackedLeavesNothing() {
    Protocol<String, String> tunnel = server(new GreetedLines());
    ByteBuf out = Unpooled.buffer().writeByte(7);
    assertThatThrownBy(() -> tunnel.pack("", out)).hasMessageStartingWith("message: empty");
    tunnel.undoPack();
    out.writerIndex(1); // as the framework does
    tunnel.pack("one", out);
    assertThat(Hex.of(bytes(out))).isEqualTo("07" + Hex.of(frame("one\n")));
    out.release();
  }

  private static byte[] bytes(ByteBuf out) {
    return LoopbackPair.bytes(out);
  }

  // Deadlines.

  @Test
  void incompleteFrameOfTheInnerProtocolTimesOutWhateverComesBetween() {
    List<String> closed = new ArrayList<>();
    try (var timed = timed(closed)) {
      var socket = timed.connect();
      socket.arrive(Hex.bytes("82 81 00000000 61"));
      while (socket.sent().length == 0) {
        socket.arrive(Hex.bytes("8a 80 00000000")); // a pong
        timed.pass(Duration.ofSeconds(1));
      }
      timed.pass(Duration.ofSeconds(10)); // the rest of the closing handshake
      assertThat(closed).hasSize(1).first().asString().startsWith("TIMEOUT: frame: ");
    }
  }

  @Test
  void openMessageOfTheWebSocketMayLast() {
    List<String> closed = new ArrayList<>();
    try (var timed = timed(closed)) {
      var socket = timed.connect();
      socket.arrive(Hex.bytes("02 82 00000000 610a")); // its first fragment
      timed.pass(Duration.ofMinutes(10));
      socket.arrive(Hex.bytes("00 82 00000000 620a"));
      assertThat(messages).containsExactly("a", "b");
      assertThat(closed).isEmpty();
    }
  }

  @Test
  void incompleteFrameOfTheWebSocketTimesOut() {
    List<String> closed = new ArrayList<>();
    try (var timed = timed(closed)) {
      timed.connect().arrive(Hex.bytes("82 83 00000000 610a"));
      timed.pass(Duration.ofSeconds(40));
      assertThat(messages).containsExactly("a");
      assertThat(closed).hasSize(1).first().asString().startsWith("TIMEOUT: frame: ");
    }
  }

  private TimedConnections<String, String> timed(List<String> closed) {
    return new TimedConnections<>(
        () -> server(Protocols.lines()),
        new Handler<String, String>() {
          @Override
          public void onMessage(Connection<String> connection, String message) {
            messages.add(message);
          }

          @Override
          public void onClose(Connection<String> connection, CloseReason reason) {
            closed.add(reason.toString());
          }
        });
  }

  // Back-pressure.

  @Test
  void pausedHandlerGetsTheRestOfAPartLater() {
    try (var timed =
        new TimedConnections<String, String>(
            () -> server(Protocols.lines()),
            (connection, message) -> {
              messages.add(message);
              connection.pauseReading();
            })) {
      var socket = timed.connect();
      socket.arrive(Hex.bytes("82 86 00000000 610a620a630a 82 82 00000000 640a"));
      for (String expected : List.of("a", "b", "c", "d")) {
        assertThat(messages).containsExactly(expected);
        messages.clear();
        timed.pass(Duration.ofMinutes(1));
        assertThat(messages).isEmpty();
        socket.connection().resumeReading();
        timed.pass(Duration.ofMillis(1));
      }
      assertThat(socket.connection().isOpen()).isTrue();
    }
  }
}
