package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LineFramesTest {

  private final Peer<ByteBuf, ByteBuf> peer = peer(Integer.MAX_VALUE);

  @AfterEach
  void inputIsNotReferredToAnyMore() {
    peer.close();
  }

  @Test
  void bothEndsAreTakenAndLeftOut() {
    assertThat(peer.sends("one\r\n\ntwo\n\r\n\rthree\r\r\n").messages())
        .containsExactly("one", "", "two", "", "\rthree\r");
  }

  @Test
  void carriageReturnWithoutLineFeedIsPartOfTheLine() {
    assertThat(peer.sends("a\rb\n").messages()).containsExactly("a\rb");
  }

  @Test
  void unfinishedLineStaysUnread() {
    assertThat(peer.sends("one\r").messages()).isEmpty();
    assertThat(peer.unreadBytes()).isEqualTo(4);
  }

  @Test
  void lineMayBeAsLongAsTheLimitWithItsEnd() {
    try (Peer<ByteBuf, ByteBuf> peer = peer(5)) {
      assertThat(peer.sends("four\nthr\r\n").messages()).containsExactly("four", "thr");
    }
  }

  @Test
  void lineThatCannotEndWithinTheLimitIsRefusedAtOnce() {
    try (Peer<ByteBuf, ByteBuf> peer = peer(5)) {
      assertThat(peer.sends("four").refusal()).isEmpty();
      assertThat(peer.sends("\r").refusal()).isEqualTo("!line: more than 5 bytes (expected: <= 5)");
    }
  }

  @Test
  void wholeLineOverTheLimitIsRefusedAlike() {
    try (Peer<ByteBuf, ByteBuf> peer = peer(5)) {
      assertThat(peer.sends("one\nfour\r\n").refusal())
          .isEqualTo("!line: more than 5 bytes (expected: <= 5)");
      assertThat(peer.messages()).containsExactly("one");
    }
  }

  @Test
  void serversLimitHoldsIfItIsLower() {
    assertThat(peer.sends("x".repeat(Peer.MAX_FRAME_BYTES)).refusal())
        .isEqualTo("!line: more than 100 bytes (expected: <= 100)");
  }

  @Test
  void limitBelowOneIsRefused() {
    assertThatThrownBy(() -> new LineFrames(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("maxBytes: 0 (expected: >= 1)");
  }

  @Test
  void messageGetsALineFeed() {
    assertThat(peer.receives(bytes("one"))).isEqualTo("one\n");
    assertThat(peer.receives(bytes(""))).isEqualTo("\n");
    assertThat(peer.receives(bytes("one\rtwo").skipBytes(3))).isEqualTo("\rtwo\n");
  }

  @Test
  void messageThatWouldArriveAsAnotherIsRefused() {
    for (String message : new String[] {"one\n", "one\ntwo", "one\r", "\r"}) {
      assertThatThrownBy(() -> peer.receives(bytes(message)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("message: has a line break (expected: one line)");
    }
  }

  private static ByteBuf bytes(String text) {
    return Unpooled.copiedBuffer(text, ISO_8859_1);
  }

  private static Peer<ByteBuf, ByteBuf> peer(int maxBytes) {
    return new Peer<>(new LineFrames(maxBytes));
  }
}
