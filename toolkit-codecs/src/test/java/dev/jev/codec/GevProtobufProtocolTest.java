package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.BoolValue;
import com.google.protobuf.Int32Value;
import com.google.protobuf.Int64Value;
import com.google.protobuf.Message;
import com.google.protobuf.StringValue;
import dev.jev.test.Hex;
import dev.jev.test.ProtocolContract;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/**
 * Messages in the envelope of gev. The frames were created with {@code PackMessage} of gev's
 * plugins/protobuf (at 343acc7a79b3f0ccf57f9bc9ef14e1d5c47c9ce5), and its {@code UnPacket} was able
 * to parse them.
 */
@Timeout(60)
class GevProtobufProtocolTest {

  private static final String TEXT_HELLO = bytes("0000000d 0004 74657874 0a0568656c6c6f");
  private static final String TEXT_EMPTY = bytes("00000006 0004 74657874");
  private static final String NUMBER_300 = bytes("0000000b 0006 6e756d626572 08ac02");
  private static final String SIZE_1 = bytes("0000000b 0007 6772c3b6c39f65 0801");

  private static final ProtobufTypes TYPES =
      ProtobufTypes.of(BoolValue.getDefaultInstance())
          .with("text", StringValue.getDefaultInstance())
          .with("number", Int32Value.getDefaultInstance())
          .with("gr\u00f6\u00dfe", Int64Value.getDefaultInstance());

  private final Peer<Message, Message> peer = peer();

  @AfterEach
  void inputIsNotReferredToAnyMore() {
    peer.close();
  }

  @TestFactory
  Stream<DynamicTest> contract() {
    return ProtocolContract.of(() -> Protocols.gevProtobuf(TYPES))
        .message(StringValue.of("x".repeat(2_000)))
        .message(Int64Value.of(-1))
        .wire("00000006 0004 74657874", StringValue.of(""))
        .refused("00000003 00ff", "type length: 255 bytes")
        .refused("00000001", "total: 1 bytes")
        .refused("00000003 0001 78", "message type: \"x\"")
        .tests();
  }

  @Test
  void framesOfGevsAreMessages() {
    peer.sends(TEXT_HELLO + TEXT_EMPTY + NUMBER_300).sendsOneByOne(SIZE_1 + TEXT_HELLO);
    assertThat(peer.messages())
        .containsExactly(
            "value: \"hello\"\n", "", "value: 300\n", "value: 1\n", "value: \"hello\"\n");
  }

  @Test
  void messagesAreFramesOfGevs() {
    assertThat(peer.receives(StringValue.of("hello"))).isEqualTo(TEXT_HELLO);
    assertThat(peer.receives(StringValue.of(""))).isEqualTo(TEXT_EMPTY);
    assertThat(peer.receives(Int32Value.of(300))).isEqualTo(NUMBER_300);
    assertThat(peer.receives(Int64Value.of(1))).isEqualTo(SIZE_1);
  }

  @Test
  void framesMayBeCutAnywhere() {
    String frames = TEXT_HELLO + TEXT_EMPTY + NUMBER_300;
    for (int cut = 0; cut <= frames.length(); cut++) {
      try (Peer<Message, Message> peer = peer()) {
        peer.sends(frames.substring(0, cut)).sends(frames.substring(cut));
        assertThat(peer.messages())
            .as("cut at %d", cut)
            .containsExactly("value: \"hello\"\n", "", "value: 300\n");
      }
    }
  }

  /** Seven bytes that terminate a gev process: "makeslice: len out of range". */
  @Test
  void typeLongerThanTheFrameIsRefused() {
    assertThat(peer.sends(bytes("00000003 00ff 61")).refusal())
        .isEqualTo("!type length: 255 bytes (expected: <= 1)");
  }

  @Test
  void totalThatHasNoRoomForATypeLengthIsRefused() {
    assertThat(peer.sends(bytes("00000001")).refusal())
        .isEqualTo("!total: 1 bytes (expected: >= 2)");
  }

  @Test
  void frameLongerThanTheLimitIsRefusedAsSoonAsItsLengthIsThere() {
    assertThat(peer.sends(bytes("00000061")).refusal())
        .isEqualTo("!frame: 101 bytes (expected: <= 100)");
    try (Peer<Message, Message> peer = peer()) {
      assertThat(peer.sends(bytes("ffffffff")).refusal())
          .isEqualTo("!frame: 4294967299 bytes (expected: <= 100)");
    }
  }

  /** A frame for which gev waits forever. */
  @Test
  void emptyFrameIsRefused() {
    assertThat(peer.sends(bytes("00000002 0000")).refusal())
        .isEqualTo("!message type: \"\" (expected: a registered type)");
  }

  @Test
  void unknownTypeIsRefusedByItsName() {
    assertThat(peer.sends(bytes("00000006 0004 0a7a7a7a")).refusal())
        .isEqualTo("!message type: \"\\nzzz\" (expected: a registered type)");
  }

  @Test
  void whatDoesNotParseIsRefused() {
    assertThat(peer.sends(bytes("00000008 0004 74657874 0a05")).refusal())
        .isEqualTo(
            "!protobuf message: 2 bytes that do not parse (expected: a well-formed message)");
  }

  @Test
  void typeThatIsNotRegisteredIsNotSent() {
    assertThatThrownBy(() -> peer.receives(com.google.protobuf.FloatValue.of(1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("message type: google.protobuf.FloatValue (expected: a registered type)");
  }

  @Test
  void garbageIsDeliveredRefusedOrWaitedFor() {
    long seed = System.nanoTime();
    System.out.println("GevProtobufProtocolTest seed: " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 20_000; round++) {
      byte[] frame = TEXT_HELLO.getBytes(ISO_8859_1);
      frame[random.nextInt(frame.length)] = (byte) random.nextInt();
      frame[random.nextInt(frame.length)] = (byte) random.nextInt();
      try (Peer<Message, Message> peer = peer()) {
        peer.sends(new String(frame, ISO_8859_1));
      }
    }
  }

  private static String bytes(String hex) {
    return new String(Hex.bytes(hex), ISO_8859_1);
  }

  private static Peer<Message, Message> peer() {
    return new Peer<>(Protocols.gevProtobuf(TYPES));
  }
}
