package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.test.ProtocolContract;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.CorruptedFrameException;
import io.netty.handler.codec.protobuf.ProtobufVarint32FrameDecoder;
import io.netty.handler.codec.protobuf.ProtobufVarint32LengthFieldPrepender;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class VarintPrefixedProtocolTest {

  private static final String HELLO = "\5hello";
  private static final String REFUSED = "refused";

  private final Peer<ByteBuf, ByteBuf> peer = peer(Peer.MAX_FRAME_BYTES);

  @AfterEach
  void inputIsNotReferredToAnyMore() {
    peer.close();
  }

  @TestFactory
  Stream<DynamicTest> contract() {
    return ProtocolContract.of(Protocols::varintPrefixed)
        .message(Unpooled.EMPTY_BUFFER)
        .message(Unpooled.unreleasableBuffer(Unpooled.wrappedBuffer(new byte[300])))
        .wire("05 68656c6c6f", Unpooled.wrappedBuffer(new byte[] {'h', 'e', 'l', 'l', 'o'}))
        .wire("81808000 21", Unpooled.wrappedBuffer(new byte[] {'!'}))
        .refused("ffffffff0f", "frame: 4294967300 bytes")
        .refused("8080808080", "length: more than 5 bytes")
        .tests();
  }

  @Test
  void payloadIsTheMessageAlsoAnEmptyOne() {
    assertThat(peer.sends(HELLO + "\0" + "\1!").messages()).containsExactly("hello", "", "!");
  }

  @Test
  void framesMayArriveByteByByte() {
    String frames = HELLO + "\0" + "\u0083\u0080\0one";
    assertThat(peer.sendsOneByOne(frames).messages()).containsExactly("hello", "", "one");
  }

  @Test
  void framesMayBeCutAnywhere() {
    String longer = "x".repeat(200);
    String frames = HELLO + "\u00c8\1" + longer + "\0";
    for (int cut = 0; cut <= frames.length(); cut++) {
      try (Peer<ByteBuf, ByteBuf> peer = peer(300)) {
        peer.sends(frames.substring(0, cut)).sends(frames.substring(cut));
        assertThat(peer.messages()).as("cut at %d", cut).containsExactly("hello", longer, "");
      }
    }
  }

  @Test
  void frameMayBeAsLongAsTheLimitWithItsLength() {
    String longest = "x".repeat(Peer.MAX_FRAME_BYTES - 1);
    assertThat(peer.sends((char) longest.length() + longest).messages()).containsExactly(longest);
  }

  @Test
  void frameLongerThanTheLimitIsRefusedAsSoonAsItsLengthIsThere() {
    assertThat(peer.sends("\144").refusal()).isEqualTo("!frame: 101 bytes (expected: <= 100)");
  }

  @Test
  void lengthOf32BitsIsUnsigned() {
    assertThat(peer.sends("\u00ff\u00ff\u00ff\u00ff\17").refusal())
        .isEqualTo("!frame: 4294967300 bytes (expected: <= 100)");
  }

  @Test
  void lengthOfSixBytesIsRefused() {
    assertThat(peer.sends("\u0080\u0080\u0080\u0080\u0080").refusal())
        .isEqualTo("!length: more than 5 bytes (expected: <= 5 bytes)");
  }

  /** A length with bits above the 32nd, which Netty drops: it takes this length for 0. */
  @Test
  void lengthOf33BitsIsRefusedUnlikeNettyDoes() {
    String bytes = "\u0080\u0080\u0080\u0080\20";
    assertThat(peer.sends(bytes).refusal())
        .isEqualTo("!frame: 4294967301 bytes (expected: <= 100)");
    assertThat(nettys(bytes)).containsExactly("");
  }

  /** Netty takes four bytes for a complete length if the fifth has not arrived yet. */
  @Test
  void lengthOfFiveBytesMayBeCutBeforeTheLastUnlikeWithNetty() {
    assertThat(peer.sends("\u0081\u0080\u0080\u0080").refusal()).isEmpty();
    assertThat(peer.sends("\0!").messages()).containsExactly("!");
    assertThat(nettys("\u0081\u0080\u0080\u0080")).containsExactly(REFUSED);
  }

  @Test
  void sameFramesAndRefusalsAsNettys() {
    long seed = System.nanoTime();
    System.out.println("VarintPrefixedProtocolTest seed: " + seed);
    Random random = new Random(seed);
    int frames = 0;
    int refused = 0;
    for (int round = 0; round < 5_000; round++) {
      String bytes = randomFrames(random);
      List<String> theirs = nettys(bytes);
      assertThat(ours(bytes, random)).as("round %d: %s", round, bytes).isEqualTo(theirs);
      frames += theirs.size();
      refused += theirs.contains(REFUSED) ? 1 : 0;
    }
    assertThat(frames).isGreaterThan(5_000);
    assertThat(refused).isBetween(500, 4_500);
  }

  /**
   * Returns frames with lengths that are longer than necessary, sometimes followed by other bytes.
   */
  private static String randomFrames(Random random) {
    StringBuilder bytes = new StringBuilder();
    int count = random.nextInt(6);
    for (int i = 0; i < count; i++) {
      int length = random.nextInt(10) == 0 ? random.nextInt(20_000) : random.nextInt(200);
      bytes.append(varint(length, random.nextInt(4)));
      bytes.append(String.valueOf((char) random.nextInt(256)).repeat(length));
    }
    switch (random.nextInt(4)) {
      case 0 -> bytes.append("\u00ff\u00ff\u00ff\u00ff\u00ff"); // more than five bytes
      case 1 -> bytes.append("\u0080\u0080\u0080\u0080\10xx"); // 2 GiB
      case 2 -> bytes.append("\u00c8\1xyz"); // incomplete
      default -> {}
    }
    return bytes.toString();
  }

  private static String varint(int value, int moreBytes) {
    StringBuilder bytes = new StringBuilder();
    int rest = value;
    while (rest > 0x7f) {
      bytes.append((char) ((rest & 0x7f) | 0x80));
      rest >>>= 7;
    }
    bytes.append((char) rest);
    for (int i = 0; i < moreBytes && bytes.length() < 5; i++) {
      int last = bytes.length() - 1;
      bytes.setCharAt(last, (char) (bytes.charAt(last) | 0x80));
      bytes.append('\0');
    }
    return bytes.toString();
  }

  private static List<String> ours(String bytes, Random random) {
    try (Peer<ByteBuf, ByteBuf> peer = peer(Integer.MAX_VALUE)) {
      for (int start = 0; start < bytes.length(); ) {
        int end = Math.min(bytes.length(), start + 1 + random.nextInt(20_000));
        peer.sends(bytes.substring(start, end));
        start = end;
      }
      List<String> frames = new ArrayList<>(peer.messages());
      if (!peer.refusal().isEmpty()) {
        frames.add(REFUSED);
      }
      return frames;
    }
  }

  private static List<String> nettys(String bytes) {
    EmbeddedChannel channel = new EmbeddedChannel(new ProtobufVarint32FrameDecoder());
    boolean refused = false;
    try {
      channel.writeInbound(Unpooled.copiedBuffer(bytes, ISO_8859_1));
    } catch (CorruptedFrameException e) {
      refused = true;
    }
    List<String> frames = new ArrayList<>();
    for (ByteBuf frame = channel.readInbound(); frame != null; frame = channel.readInbound()) {
      frames.add(frame.toString(ISO_8859_1));
      frame.release();
    }
    if (refused) {
      frames.add(REFUSED);
    }
    try {
      channel.finishAndReleaseAll();
    } catch (CorruptedFrameException e) {
      assertThat(refused).as("refused before").isTrue(); // it decodes the same bytes again
    }
    return frames;
  }

  @Test
  void sameBytesOutAsNettys() {
    for (int length : new int[] {0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152}) {
      String payload = "x".repeat(length);
      EmbeddedChannel channel = new EmbeddedChannel(new ProtobufVarint32LengthFieldPrepender());
      channel.writeOutbound(Unpooled.copiedBuffer(payload, ISO_8859_1));
      ByteBuf theirs = channel.readOutbound();
      assertThat(peer.receives(Unpooled.copiedBuffer(payload, ISO_8859_1)))
          .isEqualTo(theirs.toString(ISO_8859_1));
      theirs.release();
      channel.finishAndReleaseAll();
    }
  }

  @Test
  void lengthCountsTheReadableBytesOnly() {
    ByteBuf message = Unpooled.copiedBuffer("hello", ISO_8859_1).skipBytes(2);
    assertThat(peer.receives(message)).isEqualTo("\3llo");
  }

  private static Peer<ByteBuf, ByteBuf> peer(int maxFrameBytes) {
    return new Peer<>(Protocols.varintPrefixed(), maxFrameBytes);
  }
}
