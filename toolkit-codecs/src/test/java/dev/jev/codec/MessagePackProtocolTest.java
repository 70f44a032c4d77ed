package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Protocol;
import dev.jev.ProtocolException;
import dev.jev.test.ProtocolContract;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.math.BigInteger;
import java.time.Instant;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.msgpack.core.MessageBufferPacker;
import org.msgpack.core.MessagePack;
import org.msgpack.core.MessagePackException;
import org.msgpack.core.MessageUnpacker;
import org.msgpack.value.Value;
import org.msgpack.value.ValueFactory;

@Timeout(60)
class MessagePackProtocolTest {

  private static final int NONE = -1;

  private final Peer<Value, Value> peer = peer(Peer.MAX_FRAME_BYTES);

  @AfterEach
  void inputIsNotReferredToAnyMore() {
    peer.close();
  }

  @TestFactory
  Stream<DynamicTest> contract() {
    return ProtocolContract.of(Protocols::messagePack)
        .message(ValueFactory.newString("x".repeat(2_000)))
        .message(ValueFactory.newArray(Collections.nCopies(500, ValueFactory.newInteger(300))))
        .message(randomValue(new Random(1), 4))
        .wire(
            "92 01 80", ValueFactory.newArray(ValueFactory.newInteger(1), ValueFactory.emptyMap()))
        .refused("92 01 c1", "format: 0xc1")
        .refused("dd ffffffff", "message: at least 4294967300 bytes")
        .refused("d4 ff 00", "message: 3 bytes that do not parse")
        .tests();
  }

  @Test
  void valuesFollowEachOther() {
    String values = "\1" + "\u00c0" + "\u00a2hi" + "\u0092\2\u0090" + "\u0081\u00a1k\u00c3";
    assertThat(peer.sends(values).messages())
        .containsExactly("1", "null", "hi", "[2,[]]", "{\"k\":true}");
  }

  @Test
  void valuesMayArriveByteByByte() {
    String values = "\u0092\u00d9\3abc\u0082\1\u00cd\1\0\2\u00c4\1x" + "\u00c2";
    assertThat(peer.sendsOneByOne(values).messages())
        .containsExactly("[\"abc\",{1:256,2:\"x\"}]", "false");
  }

  @Test
  void randomValuesAreReadAndWrittenAsByMsgpackCore() throws IOException {
    long seed = System.nanoTime();
    System.out.println("MessagePackProtocolTest seed: " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 3_000; round++) {
      Value value = randomValue(random, 4);
      MessageBufferPacker packer = MessagePack.newDefaultBufferPacker();
      packer.packValue(value);
      String bytes = new String(packer.toByteArray(), ISO_8859_1);
      Protocol<Value, Value> protocol = Protocols.messagePack();
      try (Peer<Value, Value> peer = new Peer<>(protocol, bytes.length())) {
        assertThat(peer.receives(value)).isEqualTo(bytes);
        int cut = random.nextInt(bytes.length());
        peer.sends(bytes.substring(0, cut)).sends(bytes.substring(cut));
        assertThat(peer.messages()).containsExactly(value.toString());
        ByteBuf again = Unpooled.directBuffer().writeBytes(bytes.getBytes(ISO_8859_1));
        assertThat(protocol.unpack(peer.context(), again)).isEqualTo(value);
        again.release();
      }
    }
  }

  private static Value randomValue(Random random, int levels) {
    return switch (random.nextInt(levels > 0 ? 10 : 8)) {
      case 0 -> ValueFactory.newInteger(random.nextLong() >> random.nextInt(64));
      case 1 -> ValueFactory.newInteger(BigInteger.TWO.pow(64).subtract(BigInteger.ONE));
      case 2 -> ValueFactory.newFloat(random.nextDouble());
      case 3 -> ValueFactory.newString("\u00e4".repeat(random.nextInt(1_000)));
      case 4 -> ValueFactory.newBinary(new byte[random.nextInt(10) == 0 ? 70_000 : 20]);
      case 5 -> ValueFactory.newExtension((byte) 5, new byte[random.nextInt(20)]);
      case 6 -> ValueFactory.newTimestamp(Instant.ofEpochSecond(random.nextInt(), 5));
      case 7 -> random.nextBoolean() ? ValueFactory.newNil() : ValueFactory.newBoolean(true);
      case 8 -> {
        Value[] values = new Value[random.nextInt(40)];
        for (int i = 0; i < values.length; i++) {
          values[i] = randomValue(random, levels - 2);
        }
        yield ValueFactory.newArray(values);
      }
      default -> {
        Map<Value, Value> values = new HashMap<>();
        for (int i = random.nextInt(20); i > 0; i--) {
          values.put(ValueFactory.newInteger(i), randomValue(random, levels - 2));
        }
        yield ValueFactory.newMap(values);
      }
    };
  }

  @Test
  void endsAreWhereMsgpackCoreSkipsTo() throws IOException {
    long seed = System.nanoTime();
    System.out.println("MessagePackProtocolTest seed: " + seed);
    Random random = new Random(seed);
    int found = 0;
    for (int round = 0; round < 50_000; round++) {
      byte[] bytes = new byte[1 + random.nextInt(80)];
      random.nextBytes(bytes);
      bytes[0] = (byte) round; // every format, repeatedly
      for (int i = 1; i < Math.min(5, bytes.length) && random.nextBoolean(); i++) {
        bytes[i] = 0; // sizes that fit the input
      }
      for (int i = 1; i < bytes.length; i++) {
        if (bytes[i - 1] == MessagePack.Code.ARRAY32 || bytes[i - 1] == MessagePack.Code.MAP32) {
          bytes[i] = 0; // with greater sizes a sum of msgpack-core overflows, and it finds an end
        }
      }
      int theirs = skipped(bytes);
      assertThat(end(bytes, random)).as(() -> HexFormat.of().formatHex(bytes)).isEqualTo(theirs);
      found += theirs == NONE ? 0 : 1;
    }
    assertThat(found).isBetween(10_000, 45_000);
  }

  /** Returns the length of the first value, found while the bytes arrive in two pieces. */
  private static int end(byte[] bytes, Random random) {
    MessagePackFrames frames = new MessagePackFrames();
    ByteBuf in = Unpooled.wrappedBuffer(bytes);
    try {
      in.writerIndex(random.nextInt(bytes.length));
      int end = frames.find(in, Integer.MAX_VALUE);
      in.writerIndex(bytes.length);
      return end == NONE ? frames.find(in, Integer.MAX_VALUE) : end;
    } catch (ProtocolException e) {
      return NONE;
    }
  }

  private static int skipped(byte[] bytes) throws IOException {
    try (MessageUnpacker unpacker = MessagePack.newDefaultUnpacker(bytes)) {
      unpacker.skipValue();
      return (int) unpacker.getTotalReadBytes();
    } catch (MessagePackException e) {
      return NONE;
    }
  }

  @Test
  void valueMayBeAsLongAsTheLimit() {
    String longest = "x".repeat(Peer.MAX_FRAME_BYTES - 2);
    assertThat(peer.sends("\u00d9" + (char) longest.length() + longest).messages())
        .containsExactly(longest);
  }

  @Test
  void sizesThatCannotBeTrueAreRefusedAsSoonAsTheyAreThere() {
    assertThat(refusal("\u00d9c")).isEqualTo(tooLong(101)); // str 8
    assertThat(refusal("\u00c5\0b")).isEqualTo(tooLong(101)); // bin 16
    assertThat(refusal("\u00c7b")).isEqualTo(tooLong(101)); // ext 8, including its type
    assertThat(refusal("\u00c6\u00ff\u00ff\u00ff\u00ff")).isEqualTo(tooLong(4_294_967_300L));
    assertThat(refusal("\u00dd\u00ff\u00ff\u00ff\u00ff")).isEqualTo(tooLong(4_294_967_300L));
    assertThat(refusal("\u00df\u00ff\u00ff\u00ff\u00ff")).isEqualTo(tooLong(8_589_934_595L));
    assertThat(refusal("\u00dc\0b")).isEqualTo(tooLong(101)); // array of 98
    assertThat(refusal("\u00dc\0a")).isEmpty();
    assertThat(refusal("\u00dc\0a\u0090")).isEmpty();
    assertThat(refusal("\u00dc\0a\u0091")).isEqualTo(tooLong(101));
  }

  private static String tooLong(long bytes) {
    return "!message: at least " + bytes + " bytes (expected: <= 100)";
  }

  private static String refusal(String bytes) {
    try (Peer<Value, Value> peer = peer(Peer.MAX_FRAME_BYTES)) {
      return peer.sends(bytes).refusal();
    }
  }

  @Test
  void moreThan100LevelsAreRefused() {
    try (Peer<Value, Value> peer = peer(1_000)) {
      peer.sends("\u0091".repeat(100) + "\1");
      assertThat(peer.messages()).containsExactly("[".repeat(100) + "1" + "]".repeat(100));
      assertThat(peer.sendsOneByOne("\u0091".repeat(101)).refusal())
          .isEqualTo("!message: more than 100 levels (expected: <= 100)");
    }
  }

  @Test
  void formatThatIsNeverUsedIsRefused() {
    assertThat(peer.sends("\u0092\1\u00c1").refusal())
        .isEqualTo("!format: 0xc1 (expected: one that MessagePack uses)");
  }

  @Test
  void timestampThatIsNoneIsRefusedWithTheCause() {
    ByteBuf in = Unpooled.copiedBuffer("\u00d4\u00ff\0", ISO_8859_1);
    Protocol<Value, Value> protocol = Protocols.messagePack();
    assertThatThrownBy(() -> protocol.unpack(peer.context(), in))
        .isInstanceOf(ProtocolException.class)
        .hasMessage("message: 3 bytes that do not parse (expected: MessagePack values)")
        .hasCauseInstanceOf(MessagePackException.class);
    in.release();
    String beyondTime = "\u00c7\14\u00ff" + "\0\0\0\0" + "\177" + "\u00ff".repeat(7);
    assertThat(refusal(beyondTime)).contains("15 bytes that do not parse");
  }

  @Test
  void longArrayThatDripsInIsReadOnce() {
    int values = 200_000;
    MessagePackFrames frames = new MessagePackFrames();
    ByteBuf in = Unpooled.buffer(values + 5).writeByte(0xdd).writeInt(values);
    for (int i = 1; i < values; i++) {
      in.writeByte(0x90);
      assertThat(frames.find(in, Integer.MAX_VALUE)).isEqualTo(NONE);
    }
    assertThat(frames.find(in.writeByte(0x90), Integer.MAX_VALUE)).isEqualTo(values + 5);
    in.release();
  }

  @Test
  void stringKeepsItsBytes() {
    String text = new String("gr\u00fc\u00dfe".getBytes(UTF_8), ISO_8859_1);
    assertThat(peer.receives(ValueFactory.newString("gr\u00fc\u00dfe"))).isEqualTo("\u00a7" + text);
  }

  private static Peer<Value, Value> peer(int maxFrameBytes) {
    return new Peer<>(Protocols.messagePack(), maxFrameBytes);
  }
}
