package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.BytesValue;
import com.google.protobuf.DoubleValue;
import com.google.protobuf.Int32Value;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.StringValue;
import com.google.protobuf.Value;
import dev.jev.Protocol;
import dev.jev.test.ProtocolContract;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
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
class ProtobufTypesTest {

  private static final ProtobufTypes TYPES =
      ProtobufTypes.of(StringValue.getDefaultInstance(), Value.getDefaultInstance())
          .with("number", Int32Value.getDefaultInstance())
          .with("data", BytesValue.getDefaultInstance());

  private final Peer<Message, Message> peer = new Peer<>(Protocols.protobuf(TYPES), 4096);

  @AfterEach
  void inputIsNotReferredToAnyMore() {
    peer.close();
  }

  @TestFactory
  Stream<DynamicTest> contract() {
    return ProtocolContract.of(() -> Protocols.protobuf(TYPES))
        .message(StringValue.of("x".repeat(2_000)))
        .message(Int32Value.of(1))
        .message(ProtobufProtocolTest.randomValue(new Random(1), 3))
        .wire("0f 0a07 2f6e756d626572 1204 08acac02", Int32Value.of(38_444))
        .refused("04 0a02 2f78", "message type: \"x\" (expected: a registered type)")
        .refused("01 0f", "protobuf message: 1 bytes that do not parse")
        .tests();
  }

  @Test
  void messagesOfSeveralTypesComeInAnys() throws IOException {
    peer.sends(delimited(Any.pack(StringValue.of("hello"))));
    peer.sendsOneByOne(
        delimited(Any.pack(Value.newBuilder().setNumberValue(0.5).build(), "example.org/types")));
    assertThat(peer.messages()).containsExactly("value: \"hello\"\n", "number_value: 0.5\n");
  }

  @Test
  void typeMayHaveANameOfItsOwn() {
    String number = "\40" + "\12\32type.googleapis.com/number" + "\22\2\10\7";
    assertThat(peer.sends(number).messages()).containsExactly("value: 7\n");
    assertThat(peer.receives(Int32Value.of(300)))
        .isEqualTo("\41" + "\12\32type.googleapis.com/number" + "\22\3\10\u00ac\2");
  }

  @Test
  void bytesAreThoseOfAnyItself() throws IOException {
    long seed = System.nanoTime();
    System.out.println("ProtobufTypesTest seed: " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 500; round++) {
      Value value = ProtobufProtocolTest.randomValue(random, 3);
      String bytes = delimited(Any.pack(value));
      try (Peer<Message, Message> peer = new Peer<>(Protocols.protobuf(TYPES), Integer.MAX_VALUE)) {
        assertThat(peer.receives(value)).isEqualTo(bytes);
        assertThat(peer.sends(bytes).messages()).containsExactly(value.toString());
      }
    }
    StringValue empty = StringValue.getDefaultInstance();
    assertThat(peer.receives(empty)).isEqualTo(delimited(Any.pack(empty)));
  }

  @Test
  void messageKeepsNothingOfTheBuffer() throws IOException {
    Protocol<Message, Message> protocol = Protocols.protobuf(TYPES);
    BytesValue sent = BytesValue.of(ByteString.copyFromUtf8("kept"));
    ByteBuf in = Unpooled.directBuffer();
    protocol.pack(sent, in);
    Message received = protocol.unpack(peer.context(), in);
    in.setZero(0, in.capacity());
    assertThat(received).isEqualTo(sent);
    in.release();
  }

  @Test
  void unknownTypeIsRefusedByItsName() throws IOException {
    assertThat(peer.sends(delimited(Any.pack(DoubleValue.of(1)))).refusal())
        .isEqualTo("!message type: \"google.protobuf.DoubleValue\" (expected: a registered type)");
  }

  @Test
  void longNameIsNotRepeated() throws IOException {
    Any any = Any.newBuilder().setTypeUrl("x/" + "y".repeat(65)).build();
    assertThat(peer.sends(delimited(any)).refusal())
        .isEqualTo("!message type: \"" + "y".repeat(64) + "\"... (expected: a registered type)");
  }

  @Test
  void envelopeWithoutATypeIsRefused() {
    assertThat(peer.sends("\0").refusal())
        .isEqualTo("!message type: \"\" (expected: a registered type)");
  }

  @Test
  void whatDoesNotParseIsRefusedInsideAndOutside() throws IOException {
    try (Peer<Message, Message> peer = new Peer<>(Protocols.protobuf(TYPES))) {
      assertThat(peer.sends("\3\12\0\14").refusal())
          .isEqualTo(
              "!protobuf message: 3 bytes that do not parse (expected: a well-formed message)");
    }
    Any any =
        Any.newBuilder().setTypeUrl("/number").setValue(ByteString.copyFromUtf8("\17")).build();
    assertThat(peer.sends(delimited(any)).refusal())
        .isEqualTo(
            "!protobuf message: 1 bytes that do not parse (expected: a well-formed message)");
  }

  @Test
  void typeThatIsNotRegisteredIsNotSent() {
    assertThatThrownBy(() -> peer.receives(DoubleValue.of(1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("message type: google.protobuf.DoubleValue (expected: a registered type)");
  }

  @Test
  void namesAndTypesAreRegisteredOnce() {
    StringValue example = StringValue.of("any");
    assertThatThrownBy(() -> ProtobufTypes.of(example, example))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("type name: google.protobuf.StringValue (expected: each name once)");
    assertThatThrownBy(() -> ProtobufTypes.of(example).with("text", example))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("type: google.protobuf.StringValue (expected: each type once)");
    assertThatThrownBy(() -> ProtobufTypes.of().with("", example))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("type name: 0 bytes (expected: 1..65535)");
    assertThatThrownBy(() -> ProtobufTypes.of().with("x".repeat(65_536), example))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("type name: 65536 bytes (expected: 1..65535)");
  }

  private static String delimited(Message message) throws IOException {
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    message.writeDelimitedTo(stream);
    return stream.toString(ISO_8859_1);
  }

  @Test
  void refusalKeepsNothingOfTheBuffer() {
    ByteBuf in = Unpooled.copiedBuffer("\5" + "\22\2hi" + "\17", ISO_8859_1);
    assertThatThrownBy(() -> Protocols.protobuf(TYPES).unpack(peer.context(), in))
        .cause()
        .isInstanceOfSatisfying(
            InvalidProtocolBufferException.class,
            cause -> assertThat(cause.getUnfinishedMessage()).isNull());
    in.release();
  }
}
