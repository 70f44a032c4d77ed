package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_16BE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CloseReason;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.Charset;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Strings and byte arrays in the frames of other protocols. */
@Timeout(60)
class StringsProtocolTest {

  private static final String EURO = "\u00e2\u0082\u00ac"; // in UTF-8, one character per byte

  private final Peer<String, String> peer = peer(Protocols.lengthPrefixed(), UTF_8);

  @AfterEach
  void inputIsNotReferredToAnyMore() {
    peer.close();
  }

  @Test
  void payloadIsAText() {
    peer.sendsOneByOne("\0\0\0\4" + EURO + "!\0\0\0\0");
    assertThat(peer.messages()).containsExactly("\u20ac!", "");
  }

  @Test
  void malformedPayloadIsRefused() {
    assertThat(peer.sends("\0\0\0\2a\u00e2").refusal())
        .isEqualTo("!text: malformed at byte 1 (expected: UTF-8)");
  }

  @Test
  void framesAreRefusedAsWithoutTexts() {
    assertThat(peer.sends("\0\0\0\141").refusal())
        .isEqualTo("!frame: 101 bytes (expected: <= 100)");
  }

  @Test
  void textIsThePayload() {
    assertThat(peer.receives("\u20ac!")).isEqualTo("\0\0\0\4" + EURO + "!");
    assertThat(peer.receives("")).isEqualTo("\0\0\0\0");
    assertThat(peer.receives("x".repeat(100_000))).hasSize(100_004);
  }

  @Test
  void textMayHaveAnyCharset() {
    try (Peer<String, String> peer = peer(Protocols.fixedLength(4), UTF_16BE)) {
      assertThat(peer.sends(" \u00ac\0!").messages()).containsExactly("\u20ac!");
      assertThat(peer.receives("\u20ac!")).isEqualTo(" \u00ac\0!");
      assertThat(peer.receives("ab")).isEqualTo("\0a\0b");
      assertThat(peer.sends("\0a\u00d8\0").refusal())
          .isEqualTo("!text: malformed at byte 2 (expected: UTF-16BE)");
    }
  }

  @Test
  void textThatCannotBePackedIsRefused() {
    assertThatThrownBy(() -> peer.receives("a\ud83d"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("message: unmappable at character 1 (expected: UTF-8)");
    try (Peer<String, String> peer = peer(Protocols.fixedLength(4), ISO_8859_1)) {
      assertThatThrownBy(() -> peer.receives("six"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("message: 3 bytes (expected: 4)");
    }
  }

  @Test
  void charsetThatDoesNotEncodeIsRefused() {
    assertThatThrownBy(() -> Protocols.strings(Protocols.bytes(), Charset.forName("ISO-2022-CN")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("charset: ISO-2022-CN (expected: one that can encode)");
  }

  @Test
  void framesProtocolIsOpenedAskedAndClosed() {
    List<String> calls = new ArrayList<>();
    Protocol<ByteBuf, ByteBuf> frames =
        new Protocol<>() {
          @Override
          public void open(ProtocolContext context) {
            calls.add("open");
          }

          @Override
          public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
            return null;
          }

          @Override
          public int pendingMessages() {
            return 3;
          }

          @Override
          public void pack(ByteBuf message, ByteBuf out) {}

          @Override
          public void close(ProtocolContext context, CloseReason reason) {
            calls.add("close " + reason.kind());
          }

          @Override
          public boolean awaitPeerClose(ProtocolContext context, ByteBuf in) {
            calls.add("farewell");
            return false;
          }
        };
    Protocol<String, String> strings = Protocols.strings(frames, UTF_8);
    strings.open(peer.context());
    assertThat(strings.pendingMessages()).isEqualTo(3);
    strings.close(peer.context(), CloseReason.of(CloseReason.Kind.CLOSED));
    assertThat(strings.awaitPeerClose(peer.context(), Unpooled.EMPTY_BUFFER)).isFalse();
    assertThat(calls).containsExactly("open", "close CLOSED", "farewell");
  }

  @Test
  void payloadIsAByteArray() {
    List<String> received = new ArrayList<>();
    Protocol<byte[], byte[]> arrays = Protocols.byteArrays(Protocols.lengthPrefixed());
    try (Peer<String, byte[]> peer =
        new Peer<>(arrays.mapInbound(bytes -> new String(bytes, ISO_8859_1)))) {
      received.addAll(peer.sendsOneByOne("\0\0\0\2hi\0\0\0\0").messages());
      assertThat(peer.receives(new byte[] {'h', 'i'})).isEqualTo("\0\0\0\2hi");
      assertThat(peer.receives(new byte[0])).isEqualTo("\0\0\0\0");
    }
    assertThat(received).containsExactly("hi", "");
  }

  private static Peer<String, String> peer(Protocol<ByteBuf, ByteBuf> frames, Charset charset) {
    return new Peer<>(Protocols.strings(frames, charset));
  }
}
