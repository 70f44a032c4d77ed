package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import com.google.protobuf.StringValue;
import dev.jev.BudgetedServer;
import dev.jev.Protocol;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.mqtt.MqttDecoder;
import io.netty.handler.codec.mqtt.MqttEncoder;
import io.netty.handler.codec.mqtt.MqttMessage;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Compares the memory of incomplete messages with what the codecs report of it. */
@Timeout(60)
class CodecBufferedBytesTest {

  private static final int BYTES = 3 * 1024 * 1024;
  private static final int MAX_BYTES = BudgetedServer.MAX_FRAME_BYTES;

  /** The codecs, each with the beginning of a message. */
  static Stream<Arguments> codecs() {
    ProtobufTypes types = ProtobufTypes.of(StringValue.getDefaultInstance());
    String text = "a".repeat(BYTES);
    return Stream.of(
        codec("lines", () -> Protocols.lines(ISO_8859_1, MAX_BYTES), text),
        codec("delimited", () -> Protocols.delimited(zero()), text),
        codec("fixed length", () -> Protocols.fixedLength(MAX_BYTES), text),
        codec("length prefixed", Protocols::lengthPrefixed, "\0\77\0\0" + text),
        codec("varint prefixed", Protocols::varintPrefixed, varint() + text),
        codec("byte arrays", () -> Protocols.byteArrays(Protocols.varintPrefixed()), varint()),
        codec("protobuf", () -> Protocols.protobuf(StringValue.parser()), varint() + text),
        codec("protobuf types", () -> Protocols.protobuf(types), varint() + text),
        codec("JSON lines", () -> Protocols.jsonLines(), "\"" + text),
        codec("MessagePack", Protocols::messagePack, "\306\0\77\0\0" + text),
        codec("RESP with a long argument", Protocols::resp, "*2\r\n$3900000\r\n" + text),
        codec("RESP with arguments", Protocols::resp, "*9\r\n" + bulks(8, BYTES / 8)),
        codec("RESP with short ones", Protocols::resp, "*1000000\r\n" + bulks(100_000, 1)),
        codec("RESP reply", Protocols::respClient, "$3900000\r\n" + text),
        codec("RESP array", Protocols::respClient, "*9\r\n" + bulks(8, BYTES / 8)),
        codec("RESP bulks", Protocols::respClient, "*999999\r\n" + bulks(50_000, 1)),
        codec("RESP numbers", Protocols::respClient, "*999999\r\n" + ":1234\r\n".repeat(200_000)),
        codec("RESP arrays", Protocols::respClient, "*999999\r\n" + "*1\r\n+a\r\n".repeat(50_000)),
        codec("RESP nulls", Protocols::respClient, "*999999\r\n" + "_\r\n".repeat(900_000)),
        codec("RESP chunks", Protocols::respClient, "$?\r\n" + ";65536\r\n" + chunks()),
        codec("Netty HTTP", http(), "POST / HTTP/1.1\r\nContent-Length: 3900000\r\n\r\n" + text),
        codec("Netty MQTT", mqtt(), "\60\200\200\374\1\0\1a" + text),
        codec("strings", CodecBufferedBytesTest::strings, "\0\77\0\0" + text),
        codec("mapped", CodecBufferedBytesTest::mapped, "*9\r\n" + bulks(8, BYTES / 8)),
        codec("multiplexed", CodecBufferedBytesTest::multiplexed, "*9\r\n" + bulks(8, BYTES / 8)));
  }

  private static Arguments codec(
      String name, Supplier<? extends Protocol<?, ?>> codec, String input) {
    return Arguments.of(name, codec, input.length() < 10 ? input + "a".repeat(BYTES) : input);
  }

  /** The varint of 4,128,768. */
  private static String varint() {
    return "\200\200\374\1";
  }

  private static Delimiters zero() {
    return Delimiters.of(new byte[1]).maxFrameBytes(MAX_BYTES);
  }

  private static String bulks(int count, int bytes) {
    return ("$" + bytes + "\r\n" + "b".repeat(bytes) + "\r\n").repeat(count);
  }

  private static String chunks() {
    return ("c".repeat(65_536) + "\r\n;65536\r\n").repeat(40);
  }

  private static Supplier<Protocol<FullHttpRequest, Object>> http() {
    return NettyCodec.of(
        FullHttpRequest.class,
        () -> List.of(new HttpServerCodec(), new HttpObjectAggregator(MAX_BYTES)));
  }

  private static Supplier<Protocol<MqttMessage, Object>> mqtt() {
    return NettyCodec.of(
        MqttMessage.class, () -> List.of(new MqttDecoder(MAX_BYTES), MqttEncoder.INSTANCE));
  }

  private static Protocol<String, String> strings() {
    return Protocols.strings(Protocols.lengthPrefixed(), ISO_8859_1);
  }

  private static Protocol<String, RespValue> mapped() {
    return Protocols.resp().mapInbound(RespCommand::name);
  }

  private static Protocol<Object, Object> multiplexed() {
    return Multiplexer.builder()
        .when(FirstBytes.of("*"), Protocols::resp, (connection, message) -> {})
        .build()
        .protocol();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("codecs")
  void countedBytesAreThoseThatAreHeld(
      String name, Supplier<? extends Protocol<?, ?>> codec, String input) throws Exception {
    BudgetedServer.expectCounted(codec, input.getBytes(ISO_8859_1));
  }
}
