package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Protocol;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LengthFieldProtocolTest {

  /** A field after three bytes that counts itself and the payload; the payload is the message. */
  private static final LengthField EXAMPLE =
      LengthField.ofBytes(2).littleEndian().offset(3).includesItself().strip(5);

  @Test
  void fieldIsBigEndianAtTheBeginningAndKeptUnlessItSaysOtherwise() {
    assertThat(LengthField.ofBytes(4))
        .isEqualTo(new LengthField(4, ByteOrder.BIG_ENDIAN, 0, 0, false, 0, Integer.MAX_VALUE));
    assertMessages(LengthField.ofBytes(2), "\0\2hi\0\0", "\0\2hi", "\0\0");
  }

  @Test
  void everyPartOfTheFieldCanBeSet() {
    assertThat(EXAMPLE.adjustment(-3).maxFrameBytes(1000))
        .isEqualTo(new LengthField(2, ByteOrder.LITTLE_ENDIAN, 3, -3, true, 5, 1000));
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
    assertRefused(LengthField.ofBytes(1).strip(3), "\1", "frame: 2 bytes (expected: >= 3)");
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
    Protocol<ByteBuf, ByteBuf> protocol = Protocols.lengthField(EXAMPLE.strip(0));
    ByteBuf message = bytes("abc\4\0hi");
    assertThat(protocol.zeroCopyTail(message)).isSameAs(message);
    try (Peer<ByteBuf, ByteBuf> peer = peer(EXAMPLE.strip(0))) {
      assertThat(peer.receives(message)).isEqualTo("abc\4\0hi");
    }
  }

  @Test
  void wholeFrameThatLiesAboutItsLengthIsNotPacked() {
    assertNotPacked(EXAMPLE.strip(0), "abc\5\0hi", "length: 5 bytes (expected: 4)");
    assertNotPacked(EXAMPLE.strip(0), "abc\4", "message: 4 bytes (expected: >= 5)");
  }

  @Test
  void messageWithoutAPartOfItsFrameIsNotPacked() {
    assertNotPacked(
        EXAMPLE,
        "hi",
        "strip: 5 bytes (expected: 0, or the width of a field at offset 0, to pack messages)");
    assertNotPacked(
        LengthField.ofBytes(4).strip(2),
        "hi",
        "strip: 2 bytes (expected: 0, or the width of a field at offset 0, to pack messages)");
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
    assertThatThrownBy(() -> new LengthField(4, null, 0, 0, false, 0, 100))
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
