package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Protocol;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class FixedLengthProtocolTest {

  private final Peer<ByteBuf, ByteBuf> peer = new Peer<>(Protocols.fixedLength(4));

  @AfterEach
  void inputIsNotReferredToAnyMore() {
    peer.close();
  }

  @Test
  void soManyBytesAreAMessage() {
    assertThat(peer.sends("fourfivesi").messages()).containsExactly("four", "five");
    assertThat(peer.sendsOneByOne("x.seven").messages())
        .containsExactly("four", "five", "six.", "seve");
    assertThat(peer.unreadBytes()).isEqualTo(1);
  }

  @Test
  void lengthOverTheServersLimitIsRefusedAtTheFirstByte() {
    Protocol<ByteBuf, ByteBuf> protocol = Protocols.fixedLength(Peer.MAX_FRAME_BYTES + 1);
    try (Peer<ByteBuf, ByteBuf> peer = new Peer<>(protocol)) {
      assertThat(peer.sends("x").refusal()).isEqualTo("!frame: 101 bytes (expected: <= 100)");
    }
  }

  @Test
  void frameMayBeAsLongAsTheLimit() {
    Protocol<ByteBuf, ByteBuf> protocol = Protocols.fixedLength(Peer.MAX_FRAME_BYTES);
    String longest = "x".repeat(Peer.MAX_FRAME_BYTES);
    try (Peer<ByteBuf, ByteBuf> peer = new Peer<>(protocol)) {
      assertThat(peer.sends(longest).messages()).containsExactly(longest);
    }
  }

  @Test
  void messageLeavesAsItIsAndUncopied() {
    Protocol<ByteBuf, ByteBuf> protocol = Protocols.fixedLength(4);
    ByteBuf message = Unpooled.copiedBuffer("four", ISO_8859_1);
    assertThat(protocol.zeroCopyTail(message)).isSameAs(message);
    assertThat(peer.receives(message)).isEqualTo("four");
  }

  @Test
  void messageOfAnotherLengthIsNotPacked() {
    assertThatThrownBy(() -> peer.receives(Unpooled.copiedBuffer("six", ISO_8859_1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("message: 3 bytes (expected: 4)");
  }

  @Test
  void lengthBelowOneIsRefused() {
    assertThatThrownBy(() -> Protocols.fixedLength(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("bytes: 0 (expected: >= 1)");
  }
}
