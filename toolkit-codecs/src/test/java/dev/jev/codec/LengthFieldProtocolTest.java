package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Connection;
import dev.jev.Protocol;
import dev.jev.Server;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LengthFieldProtocolTest {

  /** A field after three bytes that counts itself and the payload; the frame is the message. */
  private static final LengthField WHOLE =
      LengthField.ofBytes(2).littleEndian().offset(3).includesItself();

  /** The same, but the payload is the message. */
  private static final LengthField EXAMPLE = WHOLE.strip(5).inboundOnly();

  /** A magic number, a version, and a length; the payload is the message. */
  private static final LengthField MAGIC = LengthField.ofBytes(4).header(0xCA, 0xFE, 1).strip(7);

  @Test
  void fieldIsBigEndianAtTheBeginningAndKeptUnlessItSaysOtherwise() {
    assertThat(LengthField.ofBytes(4))
        .isEqualTo(
            new LengthField(
                4, ByteOrder.BIG_ENDIAN, 0, 0, false, 0, Integer.MAX_VALUE, List.of(), false));
    assertMessages(LengthField.ofBytes(2), "\0\2hi\0\0", "\0\2hi", "\0\0");
  }

  @Test
  void everyPartOfTheFieldCanBeSet() {
    assertThat(EXAMPLE.header(1, 255).offset(3).adjustment(-3).maxFrameBytes(1000))
        .isEqualTo(
            new LengthField(
                2, ByteOrder.LITTLE_ENDIAN, 3, -3, true, 5, 1000, List.of(1, 255), true));
    assertMessages(EXAMPLE, "abc\4\0hiabc\2\0", "hi", "");
  }

  @Test
  void lengthHasEveryWidthAndOrder() {
    assertMessages(LengthField.ofBytes(1).strip(1), "\2hi", "hi");
    assertMessages(LengthField.ofBytes(2).strip(2), "\0\2hi", "hi");
    assertMessages(LengthField.ofBytes(3).strip(3), "\0\0\2hi", "hi");
    assertMessages(LengthField.ofBytes(4).strip(4), "\0\0\0\2hi", "hi");
    assertMessages(LengthField.ofBytes(8).strip(8), "\0\0\0\0\0\0\0\2hi", "hi");
    assertMessages(LengthField.ofBytes(2).strip(2).littleEndian(), "\2\0hi", "hi");
    assertMessages(LengthField.ofBytes(3).strip(3).littleEndian(), "\2\0\0hi", "hi");
    assertMessages(LengthField.ofBytes(4).strip(4).littleEndian(), "\2\0\0\0hi", "hi");
    assertMessages(LengthField.ofBytes(8).strip(8).littleEndian(), "\2\0\0\0\0\0\0\0hi", "hi");
  }

  @Test
  void shortLengthsAreUnsigned() {
    LengthField field = LengthField.ofBytes(1).strip(1);
    String payload = "x".repeat(255);
    try (Peer<ByteBuf, ByteBuf> peer = new Peer<>(Protocols.lengthField(field), 256)) {
      assertThat(peer.sends("\u00ff" + payload).messages()).containsExactly(payload);
      assertThat(peer.receives(bytes(payload))).isEqualTo("\u00ff" + payload);
    }
  }

  @Test
  void framesMayBeCutAnywhere() {
    String bytes = "abc\4\0hiabc\2\0abc\3\0!";
    for (int cut = 0; cut <= bytes.length(); cut++) {
      try (Peer<ByteBuf, ByteBuf> peer = peer(EXAMPLE)) {
        peer.sends(bytes.substring(0, cut)).sendsOneByOne(bytes.substring(cut));
        assertThat(peer.messages()).as("cut at %d", cut).containsExactly("hi", "", "!");
      }
    }
  }

  @Test
  void frameMayBeAsLongAsTheLimitWithItsHeader() {
    assertMessages(EXAMPLE.maxFrameBytes(7), "abc\4\0hi", "hi");
    assertRefused(EXAMPLE.maxFrameBytes(7), "abc\5\0", "frame: 8 bytes (expected: <= 7)");
  }

  @Test
  void serversLimitHoldsIfItIsLower() {
    assertRefused(LengthField.ofBytes(1), "\144", "frame: 101 bytes (expected: <= 100)");
  }

  @Test
  void greatestLengthsAreRefused() {
    assertRefused(
        LengthField.ofBytes(4),
        "\u00ff\u00ff\u00ff\u00ff",
        "frame: 4294967299 bytes (expected: <= 100)");
    assertRefused(
        LengthField.ofBytes(8),
        "\u007f\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff",
        "frame: 9223372036854775815 bytes (expected: <= 100)");
  }

  @Test
  void negativeLengthIsRefused() {
    assertRefused(
        LengthField.ofBytes(8),
        "\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00fe",
        "length: -2 bytes (expected: >= 0)");
  }

  @Test
  void frameThatEndsBeforeItsHeaderIsRefused() {
    assertRefused(EXAMPLE, "abc\1\0", "frame: 4 bytes (expected: >= 5)");
  }

  @Test
  void frameWithLessThanWhatIsStrippedIsRefused() {
    assertRefused(
        LengthField.ofBytes(1).strip(3).inboundOnly(), "\1", "frame: 2 bytes (expected: >= 3)");
  }

  @Test
  void headerLongerThanTheServersLimitIsRefused() {
    LengthField field = LengthField.ofBytes(1).offset(4);
    try (Peer<ByteBuf, ByteBuf> peer = new Peer<>(Protocols.lengthField(field), 4)) {
      assertThat(peer.sends("abcd\0").refusal()).isEqualTo("!frame: 5 bytes (expected: <= 4)");
    }
    field = LengthField.ofBytes(1).offset(4).adjustment(-1);
    try (Peer<ByteBuf, ByteBuf> peer = new Peer<>(Protocols.lengthField(field), 4)) {
      assertThat(peer.sends("abcd\0").refusal()).isEqualTo("!frame: 4 bytes (expected: >= 5)");
    }
  }

  @Test
  void payloadLeavesBehindItsLengthAndUncopied() {
    LengthField field = LengthField.ofBytes(3).strip(3).includesItself().littleEndian();
    Protocol<ByteBuf, ByteBuf> protocol = Protocols.lengthField(field);
    ByteBuf message = bytes("...hello").skipBytes(3);
    assertThat(protocol.zeroCopyTail(message)).isSameAs(message);
    try (Peer<ByteBuf, ByteBuf> peer = peer(field)) {
      assertThat(peer.receives(message)).isEqualTo("\10\0\0hello");
    }
  }

  @Test
  void lengthThatTheFieldCannotSayIsNotPacked() {
    assertNotPacked(
        LengthField.ofBytes(1).strip(1), "x".repeat(256), "length: 256 bytes (expected: 0..255)");
    assertNotPacked(
        LengthField.ofBytes(3).strip(3).adjustment(-0xfffffe),
        "xx",
        "length: 16777216 bytes (expected: 0..16777215)");
    assertNotPacked(
        LengthField.ofBytes(2).strip(2).adjustment(4),
        "abc",
        "length: -1 bytes (expected: 0..65535)");
  }

  @Test
  void wholeFrameLeavesAsItIsAndUncopied() {
    Protocol<ByteBuf, ByteBuf> protocol = Protocols.lengthField(WHOLE);
    ByteBuf message = bytes("abc\4\0hi");
    assertThat(protocol.zeroCopyTail(message)).isSameAs(message);
    try (Peer<ByteBuf, ByteBuf> peer = peer(WHOLE)) {
      assertThat(peer.receives(message)).isEqualTo("abc\4\0hi");
    }
  }

  @Test
  void wholeFrameThatLiesAboutItsLengthIsNotPacked() {
    assertNotPacked(WHOLE, "abc\5\0hi", "length: 5 bytes (expected: 4)");
    assertNotPacked(WHOLE, "abc\4", "message: 4 bytes (expected: >= 5)");
  }

  @Test
  void headerIsCheckedInboundAndWrittenOutbound() {
    assertMessages(MAGIC, "\u00ca\u00fe\1\0\0\0\2hi\u00ca\u00fe\1\0\0\0\0", "hi", "");
    try (Peer<ByteBuf, ByteBuf> peer = peer(MAGIC)) {
      assertThat(peer.receives(bytes("hi"))).isEqualTo("\u00ca\u00fe\1\0\0\0\2hi");
    }
  }

  @Test
  void wrongHeaderIsRefusedAtItsFirstWrongByte() {
    assertRefused(MAGIC, "G", "header: 0x47 at byte 0 (expected: 0xca)");
    assertRefused(MAGIC, "\u00ca\u00fe\2", "header: 0x02 at byte 2 (expected: 0x01)");
    try (Peer<ByteBuf, ByteBuf> peer = peer(MAGIC)) {
      assertThat(peer.sends("\u00ca\u00fe").messages()).isEmpty();
      assertThat(peer.refusal()).isEmpty();
    }
  }

  @Test
  void headerThatIsKeptHasToBeInTheMessage() {
    LengthField kept = LengthField.ofBytes(1).header(0xCA, 0xFE);
    assertMessages(kept, "\u00ca\u00fe\2hi", "\u00ca\u00fe\2hi");
    try (Peer<ByteBuf, ByteBuf> peer = peer(kept)) {
      assertThat(peer.receives(bytes("\u00ca\u00fe\2hi"))).isEqualTo("\u00ca\u00fe\2hi");
    }
    assertNotPacked(kept, "\u00caa\2hi", "header: 0x61 at byte 1 (expected: 0xfe)");
    assertNotPacked(kept, "hi", "message: 2 bytes (expected: >= 3)");
  }

  @Test
  void bytesOfTheHeaderMayBeStrippedAlone() {
    LengthField field = LengthField.ofBytes(1).header(0xCA, 0xFE).strip(1);
    assertMessages(field, "\u00ca\u00fe\2hi", "\u00fe\2hi");
    try (Peer<ByteBuf, ByteBuf> peer = peer(field)) {
      assertThat(peer.receives(bytes("\u00fe\2hi"))).isEqualTo("\u00ca\u00fe\2hi");
    }
    assertNotPacked(field, "a\2hi", "header: 0x61 at byte 1 (expected: 0xfe)");
    assertNotPacked(field, "\u00fe\3hi", "length: 3 bytes (expected: 2)");
  }

  @Test
  void stripOfUnknownBytesIsRefusedUnlessNothingIsPacked() {
    assertInvalid(
        () -> Protocols.lengthField(WHOLE.strip(5)),
        "strip: 5 bytes (expected: 0, or 5 with header(...) for the 3 bytes before the field;"
            + " any with inboundOnly())");
    assertInvalid(
        () -> Protocols.lengthField(MAGIC.strip(5)),
        "strip: 5 bytes (expected: 0..3, or 7; any with inboundOnly())");
    assertNotPacked(
        EXAMPLE,
        "hi",
        "message: outbound (expected: none, since the length field is inboundOnly())");
  }

  /** Not at the first send, an hour later. */
  @Test
  void serverThatStripsUnknownBytesDoesNotStart() {
    LengthField field = LengthField.ofBytes(4).offset(2).strip(6); // behind a magic number
    Server.Builder<ByteBuf, ByteBuf> server =
        Server.builder(() -> Protocols.lengthField(field), Connection<ByteBuf>::send)
            .listen("tcp://127.0.0.1:0");
    assertThatThrownBy(server::start)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "strip: 6 bytes (expected: 0, or 6 with header(...) for the 2 bytes before the field;"
                + " any with inboundOnly())");
  }

  @Test
  void framesWithAHeaderMayBeCutAnywhere() {
    String bytes = "\u00ca\u00fe\1\0\0\0\2hi\u00ca\u00fe\1\0\0\0\0";
    for (int cut = 0; cut <= bytes.length(); cut++) {
      try (Peer<ByteBuf, ByteBuf> peer = peer(MAGIC)) {
        peer.sends(bytes.substring(0, cut)).sendsOneByOne(bytes.substring(cut));
        assertThat(peer.messages()).as("cut at %d", cut).containsExactly("hi", "");
      }
    }
  }

  @Test
  void fieldIsChecked() {
    assertInvalid(() -> LengthField.ofBytes(5), "width: 5 bytes (expected: 1, 2, 3, 4 or 8)");
    assertInvalid(() -> LengthField.ofBytes(0), "width: 0 bytes (expected: 1, 2, 3, 4 or 8)");
    assertInvalid(() -> LengthField.ofBytes(9), "width: 9 bytes (expected: 1, 2, 3, 4 or 8)");
    assertInvalid(
        () -> LengthField.ofBytes(4).offset(-1), "offset: -1 bytes (expected: 0..2147483643)");
    assertInvalid(
        () -> LengthField.ofBytes(4).maxFrameBytes(10).offset(7),
        "offset: 7 bytes (expected: 0..6)");
    assertInvalid(
        () -> LengthField.ofBytes(4).maxFrameBytes(3),
        "maxFrameBytes: 3 bytes (expected: 4..2147483647)");
    assertInvalid(
        () -> LengthField.ofBytes(4).maxFrameBytes(10).strip(11),
        "strip: 11 bytes (expected: 0..10)");
    assertInvalid(
        () -> LengthField.ofBytes(4).strip(-1), "strip: -1 bytes (expected: 0..2147483647)");
    assertInvalid(
        () -> LengthField.ofBytes(4).header(0xCA, 256), "header: 256 (expected: bytes, 0..255)");
    assertInvalid(() -> LengthField.ofBytes(4).header(-1), "header: -1 (expected: bytes, 0..255)");
    assertInvalid(
        () -> LengthField.ofBytes(4).header(0xCA, 0xFE).offset(1),
        "offset: 1 bytes (expected: 2..2147483643)");
    assertThatThrownBy(() -> new LengthField(4, null, 0, 0, false, 0, 100, List.of(), false))
        .isInstanceOf(NullPointerException.class)
        .hasMessage("order");
  }

  private static void assertMessages(LengthField field, String bytes, String... messages) {
    try (Peer<ByteBuf, ByteBuf> peer = peer(field)) {
      assertThat(peer.sends(bytes).messages()).as("%s", field).containsExactly(messages);
      assertThat(peer.unreadBytes()).isZero();
    }
  }

  private static void assertRefused(LengthField field, String bytes, String why) {
    try (Peer<ByteBuf, ByteBuf> peer = peer(field)) {
      assertThat(peer.sends(bytes).refusal()).isEqualTo("!" + why);
    }
  }

  private static void assertNotPacked(LengthField field, String message, String why) {
    try (Peer<ByteBuf, ByteBuf> peer = peer(field)) {
      assertThatThrownBy(() -> peer.receives(bytes(message)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(why);
    }
  }

  private static void assertInvalid(Runnable field, String why) {
    assertThatThrownBy(field::run).isInstanceOf(IllegalArgumentException.class).hasMessage(why);
  }

  private static ByteBuf bytes(String text) {
    return Unpooled.copiedBuffer(text, ISO_8859_1);
  }

  private static Peer<ByteBuf, ByteBuf> peer(LengthField field) {
    return new Peer<>(Protocols.lengthField(field));
  }
}
