package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.BytesValue;
import com.google.protobuf.DescriptorProtos.UninterpretedOption.NamePart;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.ListValue;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import com.google.protobuf.StringValue;
import com.google.protobuf.Value;
import dev.jev.Protocol;
import dev.jev.ProtocolException;
import dev.jev.test.ProtocolContract;
import dev.jev.test.TestContext;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.CompositeByteBuf;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ProtobufProtocolTest {

  /** A StringValue: field 1 of five bytes, after a length of 7. */
  private static final String HELLO = "\7\12\5hello";

  private static final String HELLO_TEXT = "value: \"hello\"\n";

  private final Peer<StringValue, MessageLite> peer = peer(StringValue.parser());

  @AfterEach
  void inputIsNotReferredToAnyMore() {
    peer.close();
  }

  @TestFactory
  Stream<DynamicTest> contract() {
    return ProtocolContract.of(() -> Protocols.<Value, Value>protobuf(Value.parser()))
        .message(Value.newBuilder().setStringValue("x".repeat(2_000)).build())
        .message(randomValue(new Random(1), 3))
        .wire("07 1a05 68656c6c6f", Value.newBuilder().setStringValue("hello").build())
        .wire("00", Value.getDefaultInstance())
        .refused("01 0f", "protobuf message: 1 bytes that do not parse")
        .refused("ffffffff0f", "frame: 4294967300 bytes")
        .tests();
  }

  @Test
  void messagesStandBehindTheirLength() {
    assertThat(peer.sends(HELLO + "\0" + HELLO).messages())
        .containsExactly(HELLO_TEXT, "", HELLO_TEXT);
  }

  @Test
  void messagesMayArriveByteByByte() {
    assertThat(peer.sendsOneByOne(HELLO + HELLO).messages())
        .containsExactly(HELLO_TEXT, HELLO_TEXT);
  }

  @Test
  void delimitedFormatIsProtobufsOwn() throws IOException {
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    StringValue.of("hello").writeDelimitedTo(stream);
    assertThat(stream.toString(ISO_8859_1)).isEqualTo(HELLO);
    assertThat(peer.receives(StringValue.of("hello"))).isEqualTo(HELLO);
    assertThat(peer.receives(StringValue.getDefaultInstance())).isEqualTo("\0");
  }

  @Test
  void randomMessagesAreReadAndWrittenAsByProtobuf() throws IOException {
    long seed = System.nanoTime();
    System.out.println("ProtobufProtocolTest seed: " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 500; round++) {
      Value value = randomValue(random, 4);
      ByteArrayOutputStream stream = new ByteArrayOutputStream();
      value.writeDelimitedTo(stream);
      String bytes = stream.toString(ISO_8859_1);
      try (Peer<Value, MessageLite> peer =
          new Peer<>(Protocols.protobuf(Value.parser()), Integer.MAX_VALUE)) {
        assertThat(peer.receives(value)).isEqualTo(bytes);
        assertThat(peer.sends(bytes).messages()).containsExactly(value.toString());
      }
    }
  }

  static Value randomValue(Random random, int levels) {
    if (levels > 0 && random.nextInt(3) == 0) {
      ListValue.Builder list = ListValue.newBuilder();
      for (int i = random.nextInt(20); i > 0; i--) {
        list.addValues(randomValue(random, levels - 1));
      }
      return Value.newBuilder().setListValue(list).build();
    }
    return random.nextBoolean()
        ? Value.newBuilder().setNumberValue(random.nextDouble()).build()
        : Value.newBuilder().setStringValue("\u00fc".repeat(random.nextInt(200))).build();
  }

  @Test
  void messageIsReadFromAndWrittenToDirectMemoryAndPiecesOfIt() throws IOException {
    BytesValue message = BytesValue.of(ByteString.copyFrom(new byte[10_000]));
    Protocol<BytesValue, BytesValue> protocol = Protocols.protobuf(BytesValue.parser());
    CompositeByteBuf pieces = Unpooled.compositeBuffer();
    pieces.addComponent(true, Unpooled.directBuffer(5).writeZero(3));
    pieces.addComponent(true, Unpooled.directBuffer(5).writeZero(3));
    pieces.clear();
    for (ByteBuf out : new ByteBuf[] {Unpooled.directBuffer(), Unpooled.buffer(), pieces}) {
      protocol.pack(message, out);
      byte[] bytes = new byte[out.readableBytes()];
      out.getBytes(out.readerIndex(), bytes);
      assertThat(BytesValue.parseDelimitedFrom(new ByteArrayInputStream(bytes))).isEqualTo(message);
      assertThat(protocol.unpack(new TestContext(), out)).isEqualTo(message);
      assertThat(out.isReadable()).isFalse();
      out.release();
    }
  }

  @Test
  void messageLongerThanTheLimitIsRefusedAsSoonAsItsLengthIsThere() {
    assertThat(peer.sends("\u0080\u0080\1").refusal())
        .isEqualTo("!frame: 16387 bytes (expected: <= 100)");
  }

  @Test
  void whatDoesNotParseIsRefusedWithTheCause() {
    // Truncated field, invalid wire type, end of a group, field 0, invalid UTF-8.
    for (String bytes : new String[] {"\12\5he", "\17", "\12\0\14", "\0", "\12\1\u00ff"}) {
      try (Peer<StringValue, MessageLite> peer = peer(StringValue.parser())) {
        assertThat(peer.sends((char) bytes.length() + bytes).refusal())
            .isEqualTo(
                "!protobuf message: "
                    + bytes.length()
                    + " bytes that do not parse (expected: a well-formed message)");
      }
    }
    ByteBuf in = Unpooled.copiedBuffer("\1\17", ISO_8859_1);
    Protocol<StringValue, MessageLite> protocol = Protocols.protobuf(StringValue.parser());
    assertThatThrownBy(() -> protocol.unpack(peer.context(), in))
        .isInstanceOf(ProtocolException.class)
        .hasCauseInstanceOf(InvalidProtocolBufferException.class);
    in.release();
  }

  @Test
  void missingRequiredFieldIsRefused() {
    try (Peer<NamePart, MessageLite> peer = peer(NamePart.parser())) {
      assertThat(peer.sends("\0").refusal())
          .isEqualTo(
              "!protobuf message: 0 bytes that do not parse (expected: a well-formed message)");
    }
  }

  @Test
  void moreThan100LevelsAreRefused() {
    assertThat(nested(50)).isEmpty(); // lists of values, two levels per list
    assertThat(nested(51)).contains("do not parse");
    assertThat(nested(100_000)).contains("do not parse");
  }

  private static String nested(int lists) {
    Value value = Value.getDefaultInstance();
    Protocol<Value, Value> protocol = Protocols.protobuf(Value.parser());
    ByteString bytes = value.toByteString();
    for (int i = 0; i < lists; i++) {
      bytes = field(6, field(1, bytes)); // of Value and of ListValue
    }
    try (Peer<Value, Value> peer = new Peer<>(protocol, Integer.MAX_VALUE)) {
      ByteBuf length = Unpooled.buffer();
      VarintLength.write(bytes.size(), length);
      peer.sends(length.toString(ISO_8859_1)).sends(bytes.toString(ISO_8859_1));
      return peer.refusal();
    }
  }

  private static ByteString field(int number, ByteString content) {
    ByteBuf header = Unpooled.buffer().writeByte((number << 3) | 2);
    VarintLength.write(content.size(), header);
    return ByteString.copyFrom(header.nioBuffer()).concat(content);
  }

  @Test
  void garbageIsDeliveredRefusedOrWaitedFor() {
    long seed = System.nanoTime();
    System.out.println("ProtobufProtocolTest seed: " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 20_000; round++) {
      byte[] garbage = new byte[random.nextInt(60)];
      random.nextBytes(garbage);
      try (Peer<Value, MessageLite> peer = peer(Value.parser())) {
        peer.sends((char) garbage.length + new String(garbage, ISO_8859_1));
        assertThat(peer.messages().size() + peer.refusal().length()).isPositive();
      }
    }
  }

  private static <T extends MessageLite> Peer<T, MessageLite> peer(Parser<T> parser) {
    return new Peer<>(Protocols.protobuf(parser));
  }
}
