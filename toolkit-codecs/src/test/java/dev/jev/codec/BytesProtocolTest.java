package dev.jev.codec;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class BytesProtocolTest {

  private final Peer<ByteBuf, ByteBuf> peer = new Peer<>(Protocols.bytes());

  @AfterEach
  void inputIsNotReferredToAnyMore() {
    peer.close();
  }

  @Test
  void whatOneReadBringsIsOneMessage() {
    peer.sends("hello").sends("\r\n").sends("world");
    assertThat(peer.messages()).containsExactly("hello", "\r\n", "world");
  }

  @Test
  void nothingIsNoMessage() {
    assertThat(peer.sends("").messages()).isEmpty();
    assertThat(Protocols.bytes().unpack(peer.context(), Unpooled.EMPTY_BUFFER)).isNull();
  }

  @Test
  void messageLeavesAsItIs() {
    assertThat(peer.receives(Unpooled.copiedBuffer("hello", US_ASCII))).isEqualTo("hello");
    assertThat(peer.receives(Unpooled.EMPTY_BUFFER)).isEmpty();
  }

  @Test
  void messageIsItsOwnTailSoThatItNeedNotBeCopied() {
    ByteBuf message = Unpooled.copiedBuffer("hello", US_ASCII);
    assertThat(Protocols.bytes().zeroCopyTail(message)).isSameAs(message);
    message.release();
  }
}
