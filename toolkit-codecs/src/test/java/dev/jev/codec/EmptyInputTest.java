package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.test.TestContext;
import dev.jev.test.UnpackLoop;
import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.mqtt.MqttDecoder;
import io.netty.handler.codec.mqtt.MqttEncoder;
import io.netty.handler.codec.mqtt.MqttMessage;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The work of input that says nothing, against that of ordinary input of the same protocol: calls
 * of {@code unpack}, and bytes allocated on the heap. {@code benchmarks work} measures the time.
 */
class EmptyInputTest {

  private static final int INPUT_BYTES = 64 * 1024;
  private static final int READ_BYTES = 16 * 1024;

  /** Maximum ratio of the work per byte. */
  private static final int MAX_RATIO = 4;

  /** Allocation per byte that is not worth comparing. */
  private static final double FREE_BYTES = 2;

  private static final String COMMAND = "*2\r\n$3\r\nGET\r\n$5\r\nkey:1\r\n";
  private static final String REPLY = "$5\r\nhello\r\n";
  private static final String ARRAY = "*2\r\n$1\r\na\r\n:1\r\n";
  private static final String PUBLISH = "0\u000f\0\6a/b/cd21.5 \u00b0C";
  private static final String JSON = "{\"symbol\":\"JEV\",\"price\":101.25,\"size\":12}\n";
  private static final String MAP = "\u0083\u00a6symbol\u00a3JEV\u00a5pricee\u00a4size\f";

  /** The work per byte, and the number of messages. */
  private record Work(double calls, double allocated, int messages) {}

  /** Counts the calls of unpack. */
  private static final class Counting<I, O> implements Protocol<I, O> {
    private final Protocol<I, O> protocol;
    private int calls;

    Counting(Protocol<I, O> protocol) {
      this.protocol = protocol;
    }

    @Override
    public void open(ProtocolContext context) {
      protocol.open(context);
    }

    @Override
    public @Nullable I unpack(ProtocolContext context, ByteBuf in) {
      calls++;
      return protocol.unpack(context, in);
    }

    @Override
    public int pendingMessages() {
      return protocol.pendingMessages();
    }

    @Override
    public void pack(O message, ByteBuf out) {
      protocol.pack(message, out);
    }
  }

  private static Arguments row(
      String name, Supplier<Protocol<?, ?>> protocol, String ordinary, String empty) {
    return Arguments.of(Named.of(name, protocol), ordinary, empty);
  }

  private static Protocol<?, ?> mqtt() {
    return NettyCodec.of(
            MqttMessage.class, () -> List.of(new MqttDecoder(1 << 16), MqttEncoder.INSTANCE))
        .get();
  }

  /** Input without messages. */
  static Stream<Arguments> nothing() {
    return Stream.of(
        row("RESP, line feeds", Protocols::resp, COMMAND, "\n"),
        row("RESP, empty lines", Protocols::resp, COMMAND, "\r\n"),
        row("RESP, blanks", Protocols::resp, COMMAND, " \n"),
        row("RESP, white space", Protocols::resp, COMMAND, "\t \u000b\f\r\n"),
        row("RESP, empty arrays", Protocols::resp, COMMAND, "*0\r\n"),
        row("RESP, negative arrays", Protocols::resp, COMMAND, "*-1\r\n"),
        row("JSON, line feeds", Protocols::jsonLines, JSON, "\n"),
        row("JSON, blanks", Protocols::jsonLines, JSON, "  \r\n"));
  }

  /** Messages that are empty, or consist of empty ones. */
  static Stream<Arguments> messages() {
    return Stream.of(
        row("lines", Protocols::lines, "a line of text\n", "\n"),
        row("lengthPrefixed", Protocols::lengthPrefixed, "\0\0\0\4text", "\0\0\0\0"),
        row("varintPrefixed", Protocols::varintPrefixed, "\4text", "\0"),
        row("RESP, arguments", Protocols::resp, COMMAND, "*2\r\n$0\r\n\r\n$0\r\n\r\n"),
        row("MQTT of Netty", EmptyInputTest::mqtt, PUBLISH, "\u00c0\0"), // PINGREQ
        row("RESP, null", Protocols::respClient, REPLY, "_\r\n"),
        row("RESP, empty replies", Protocols::respClient, REPLY, "*0\r\n"),
        row("JSON, empty arrays", Protocols::jsonLines, JSON, "[]\n"),
        row("MessagePack, nil", Protocols::messagePack, MAP, "\u00c0"),
        row("MessagePack, empty arrays", Protocols::messagePack, MAP, "\u0090"));
  }

  /** Messages that consist of many empty values. */
  static Stream<Arguments> values() {
    String elements = "*1000\r\n" + "*0\r\n".repeat(1000);
    return Stream.of(
        row("RESP, nested", Protocols::respClient, ARRAY, "*1\r\n".repeat(30) + "_\r\n"),
        row("RESP, elements", Protocols::respClient, ARRAY, elements),
        row("JSON, nested", Protocols::jsonLines, JSON, "[".repeat(99) + "]".repeat(99) + "\n"),
        row("JSON, elements", Protocols::jsonLines, JSON, "[" + "0,".repeat(999) + "0]\n"),
        row("MessagePack, nested", Protocols::messagePack, MAP, "\u0091".repeat(99) + "\u00c0"),
        row(
            "MessagePack, elements",
            Protocols::messagePack,
            MAP,
            "\u00dc\u0010\0" + "\u00c0".repeat(4096)));
  }

  private static Work work(Supplier<Protocol<?, ?>> protocols, String unit) {
    byte[] input = unit.repeat(1 + INPUT_BYTES / unit.length()).getBytes(ISO_8859_1);
    work(protocols.get(), input); // loads classes
    return work(protocols.get(), input);
  }

  private static <I, O> Work work(Protocol<I, O> protocol, byte[] input) {
    Counting<I, O> counting = new Counting<>(protocol);
    int[] messages = new int[1];
    try (UnpackLoop<I, O> loop =
        new UnpackLoop<>(counting, new TestContext(), message -> messages[0]++)) {
      loop.open().read(input, () -> READ_BYTES);
      assertThat(loop.refusal()).isNull();
      double bytes = input.length;
      return new Work(counting.calls / bytes, loop.allocatedBytes() / bytes, messages[0]);
    }
  }

  @ParameterizedTest
  @MethodSource("nothing")
  void inputWithoutMessagesIsAtMostFourTimesTheWorkPerByte(
      Supplier<Protocol<?, ?>> protocols, String ordinary, String empty) {
    Work usual = work(protocols, ordinary);
    Work work = work(protocols, empty);
    assertThat(work.messages).isZero();
    assertThat(work.calls).isLessThanOrEqualTo(usual.calls);
    assertThat(work.allocated).isLessThanOrEqualTo(MAX_RATIO * usual.allocated);
  }

  @ParameterizedTest
  @MethodSource("messages")
  void emptyMessageIsAtMostFourTimesTheWorkOfAnother(
      Supplier<Protocol<?, ?>> protocols, String ordinary, String empty) {
    Work usual = work(protocols, ordinary);
    Work work = work(protocols, empty);
    assertThat(work.messages).isGreaterThan(INPUT_BYTES / empty.length());
    assertThat(work.calls * empty.length()).isLessThan(1.1);
    assertThat(work.allocated * empty.length())
        .isLessThanOrEqualTo(MAX_RATIO * usual.allocated * ordinary.length() + FREE_BYTES);
  }

  @ParameterizedTest
  @MethodSource("values")
  void emptyValuesAreAtMostFourTimesTheWorkPerByte(
      Supplier<Protocol<?, ?>> protocols, String ordinary, String empty) {
    Work usual = work(protocols, ordinary);
    Work work = work(protocols, empty);
    assertThat(work.messages).isPositive();
    assertThat(work.calls).isLessThanOrEqualTo(usual.calls);
    assertThat(work.allocated).isLessThanOrEqualTo(MAX_RATIO * usual.allocated);
  }
}
