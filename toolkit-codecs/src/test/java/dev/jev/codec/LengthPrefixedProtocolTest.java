package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LengthPrefixedProtocolTest {

  private static final String HELLO = "\0\0\0\5hello";
  private static final String EMPTY = "\0\0\0\0";
  private static final String THREE_FRAMES = HELLO + EMPTY + "\0\0\0\1!";

  private final Peer<ByteBuf, ByteBuf> peer = peer();

  @AfterEach
  void inputIsNotReferredToAnyMore() {
    peer.close();
  }

  @Test
  void payloadIsTheMessage() {
    assertThat(peer.sends(HELLO).messages()).containsExactly("hello");
  }

  @Test
  void emptyPayloadIsAMessage() {
    assertThat(peer.sends(EMPTY).messages()).containsExactly("");
  }

  @Test
  void framesOfOneReadAreMessagesOfTheirOwn() {
    assertThat(peer.sends(THREE_FRAMES).messages()).containsExactly("hello", "", "!");
  }

  @Test
  void framesMayBeCutAnywhere() {
    for (int cut = 0; cut <= THREE_FRAMES.length(); cut++) {
      try (Peer<ByteBuf, ByteBuf> peer = peer()) {
        peer.sends(THREE_FRAMES.substring(0, cut)).sends(THREE_FRAMES.substring(cut));
        assertThat(peer.messages()).as("cut at %d", cut).containsExactly("hello", "", "!");
      }
    }
  }

  @Test
  void unfinishedFrameStaysUnread() {
    assertThat(peer.sends("\0\0\0\5hell").messages()).isEmpty();
    assertThat(peer.unreadBytes()).isEqualTo(8);
  }

  @Test
  void frameMayBeAsLongAsTheLimitWithItsHeader() {
    String longest = "x".repeat(Peer.MAX_FRAME_BYTES - 4);
    assertThat(peer.sends("\0\0\0" + (char) longest.length() + longest).messages())
        .containsExactly(longest);
  }

  @Test
  void frameLongerThanTheLimitIsRefusedAsSoonAsItsLengthIsThere() {
    assertThat(peer.sends("\0\0\0\141").refusal())
        .isEqualTo("!frame: 101 bytes (expected: <= 100)");
  }

  @Test
  void greatestLengthIsRefused() {
    assertThat(peer.sends("\u007f\u00ff\u00ff\u00ff").refusal())
        .isEqualTo("!frame: 2147483651 bytes (expected: <= 100)");
  }

  @Test
  void negativeLengthIsRefused() {
    assertThat(peer.sends("\u00ff\u00ff\u00ff\u00fe").refusal())
        .isEqualTo("!payload length: -2 bytes (expected: >= 0)");
  }

  @Test
  void messagesBeforeARefusedFrameAreDelivered() {
    peer.sends(HELLO + "\u0080\0\0\0");
    assertThat(peer.messages()).containsExactly("hello");
    assertThat(peer.refusal()).isEqualTo("!payload length: -2147483648 bytes (expected: >= 0)");
  }

  @Test
  void lengthStandsBeforeThePayload() {
    assertThat(peer.receives(Unpooled.copiedBuffer("hello", ISO_8859_1))).isEqualTo(HELLO);
    assertThat(peer.receives(Unpooled.EMPTY_BUFFER)).isEqualTo(EMPTY);
  }

  @Test
  void lengthCountsTheReadableBytesOnly() {
    ByteBuf message = Unpooled.copiedBuffer("hello", ISO_8859_1).skipBytes(2);
    assertThat(peer.receives(message)).isEqualTo("\0\0\0\3llo");
  }

  private static Peer<ByteBuf, ByteBuf> peer() {
    return new Peer<>(Protocols.lengthPrefixed());
  }
}
