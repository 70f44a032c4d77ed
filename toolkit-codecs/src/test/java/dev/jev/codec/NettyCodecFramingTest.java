package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Protocol;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler;
import io.netty.handler.codec.FixedLengthFrameDecoder;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.codec.LengthFieldPrepender;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The framing of {@link NettyCodec} without a server; {@link Peer#close} checks that no reference
 * to the input is left.
 */
@Timeout(60)
class NettyCodecFramingTest {

  private static final String HELLO = "\0\0\0\5hello";
  private static final String THREE_FRAMES = HELLO + "\0\0\0\0" + "\0\0\0\1!";

  private static Peer<Object, Object> peer() {
    return peer(
        () ->
            List.of(
                new LengthFieldBasedFrameDecoder(100, 0, 4, 0, 4), new LengthFieldPrepender(4)));
  }

  private static Peer<Object, Object> peer(Supplier<List<ChannelHandler>> handlers) {
    return new Peer<>(protocol(handlers));
  }

  private static Protocol<Object, Object> protocol(Supplier<List<ChannelHandler>> handlers) {
    return NettyCodec.of(handlers).get();
  }

  @Test
  void messagesOfOneReadComeOneByOne() {
    try (Peer<Object, Object> peer = peer()) {
      assertThat(peer.sends(THREE_FRAMES).messages()).containsExactly("hello", "", "!");
    }
  }

  @Test
  void framesMayArriveByteByByte() {
    try (Peer<Object, Object> peer = peer()) {
      assertThat(peer.sendsOneByOne(THREE_FRAMES).messages()).containsExactly("hello", "", "!");
    }
  }

  @Test
  void framesMayBeCutAnywhere() {
    for (int cut = 0; cut <= THREE_FRAMES.length(); cut++) {
      try (Peer<Object, Object> peer = peer()) {
        peer.sends(THREE_FRAMES.substring(0, cut)).sends(THREE_FRAMES.substring(cut));
        assertThat(peer.messages()).as("cut at %d", cut).containsExactly("hello", "", "!");
      }
    }
  }

  @Test
  void halfAFrameIsKeptByTheCodecInABufferOfItsOwn() {
    try (Peer<Object, Object> peer = peer()) {
      assertThat(peer.sends("\0\0\0\5hell").messages()).isEmpty();
      assertThat(peer.unreadBytes()).isZero();
    } // close checks that the input has no references left
  }

  @Test
  void sameFramesAsTheProtocolOfJev() {
    long seed = new Random().nextLong();
    System.out.println("NettyCodecFramingTest.sameFramesAsTheProtocolOfJev: seed " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 200; round++) {
      List<String> reads = new ArrayList<>();
      StringBuilder bytes = new StringBuilder();
      for (int n = random.nextInt(10); n >= 0; n--) {
        int length = random.nextInt(90);
        bytes.append("\0\0\0").append((char) length).append("x".repeat(length));
      }
      for (int start = 0; start < bytes.length(); ) {
        int end = Math.min(bytes.length(), start + 1 + random.nextInt(120));
        reads.add(bytes.substring(start, end));
        start = end;
      }
      try (Peer<Object, Object> bridged = peer();
          Peer<ByteBuf, ByteBuf> own = new Peer<>(Protocols.lengthPrefixed())) {
        reads.forEach(read -> own.sends(read));
        reads.forEach(read -> bridged.sends(read));
        assertThat(bridged.messages()).as("seed %d", seed).isEqualTo(own.messages());
      }
    }
  }

  @Test
  void garbageIsDeliveredRefusedOrWaitedFor() {
    long seed = new Random().nextLong();
    System.out.println("NettyCodecFramingTest.garbageIsDeliveredRefusedOrWaitedFor: seed " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 500; round++) {
      byte[] garbage = new byte[random.nextInt(90)];
      random.nextBytes(garbage);
      try (Peer<Object, Object> peer = peer()) {
        peer.sends(new String(garbage, ISO_8859_1));
      }
    }
  }

  @Test
  void faultComesBehindTheMessagesBeforeIt() {
    try (Peer<Object, Object> peer = peer()) {
      peer.sends(HELLO + "\177\0\0\0" + HELLO);
      assertThat(peer.messages()).containsExactly("hello");
      assertThat(peer.refusal())
          .startsWith("!input: TooLongFrameException: Adjusted frame length exceeds 100")
          .endsWith(" (expected: bytes that the codec can decode)");
    }
  }

  @Test
  void bytesOfWhichNothingIsMadeAreCounted() {
    try (Peer<Object, Object> peer = peer(() -> List.of(new FixedLengthFrameDecoder(102)))) {
      assertThat(peer.sends("x".repeat(100)).refusal()).isEmpty();
      assertThat(peer.sends("x").refusal())
          .isEqualTo("!frame: more than 100 bytes (expected: <= 100)");
    }
  }

  @Test
  void bytesAreCountedAnewAfterAMessage() {
    try (Peer<Object, Object> peer = peer(() -> List.of(new FixedLengthFrameDecoder(100)))) {
      assertThat(peer.sends("x".repeat(950)).sends("x".repeat(50)).messages()).hasSize(10);
      assertThat(peer.refusal()).isEmpty();
    }
  }

  @Test
  void whatIsSentGoesThroughTheEncoders() {
    try (Peer<Object, Object> peer = peer()) {
      assertThat(peer.receives(Unpooled.copiedBuffer("hello", ISO_8859_1))).isEqualTo(HELLO);
    }
  }

  @Test
  void indicesOfWhatIsSentStay() {
    try (Peer<Object, Object> peer = peer()) {
      ByteBuf message = Unpooled.copiedBuffer("hello", ISO_8859_1);
      assertThat(peer.receives(message.retain())).isEqualTo(HELLO);
      assertThat(peer.receives(message)).isEqualTo(HELLO);
    }
  }
}
