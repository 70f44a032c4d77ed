package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.StringValue;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.TimedConnections;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A frame of any codec must arrive in time, with a clock of the test. */
@Timeout(60)
class SlowFramesTest {

  private static final Duration TIMEOUT = Duration.ofSeconds(30);
  private static final Duration SECOND = Duration.ofSeconds(1);

  private final List<CloseReason> closeReasons = new ArrayList<>();
  private int messages;
  private @Nullable TimedConnections<Object, Object> timed;

  private final Handler<Object, Object> handler =
      new Handler<>() {
        @Override
        public void onMessage(Connection<Object> connection, Object message) {
          messages++;
        }

        @Override
        public void onClose(Connection<Object> connection, CloseReason reason) {
          closeReasons.add(reason);
        }
      };

  private TimedConnections<Object, Object>.Socket connect(
      Supplier<? extends Protocol<?, ?>> codec) {
    timed = new TimedConnections<>(() -> anyMessages(codec.get()), handler, TIMEOUT);
    return timed.connect();
  }

  @SuppressWarnings("unchecked") // nothing is sent
  private static Protocol<Object, Object> anyMessages(Protocol<?, ?> protocol) {
    return (Protocol<Object, Object>) protocol;
  }

  @AfterEach
  void close() {
    timed.close();
  }

  /** The codecs, each with one frame. */
  static Stream<Arguments> codecs() {
    String text = "a".repeat(100);
    return Stream.of(
        codec("fixed length", () -> Protocols.fixedLength(100), text),
        codec("lines", Protocols::lines, text + "\n"),
        codec("JSON lines", Protocols::jsonLines, '"' + text + "\"\n"),
        codec(
            "delimited",
            () -> Protocols.delimited(Delimiters.of("::".getBytes(ISO_8859_1))),
            text + "::"),
        codec("length prefix", Protocols::lengthPrefixed, "\0\0\0\144" + text),
        codec("varint prefix", Protocols::varintPrefixed, "\144" + text),
        codec(
            "strings",
            () -> Protocols.strings(Protocols.lengthPrefixed(), ISO_8859_1),
            "\0\0\0\144" + text),
        codec("MessagePack", Protocols::messagePack, "\244aaaa"),
        codec("protobuf", () -> Protocols.protobuf(StringValue.parser()), "\146\012\144" + text),
        codec("RESP commands", Protocols::resp, "*2\r\n$3\r\nGET\r\n$100\r\n" + text + "\r\n"),
        codec("RESP inline command", Protocols::resp, "GET " + text + "\r\n"),
        codec("RESP replies", Protocols::respClient, "*2\r\n:1\r\n*1\r\n$100\r\n" + text + "\r\n"),
        codec("RESP chunks", Protocols::respClient, "$?\r\n;4\r\naaaa\r\n;0\r\n"),
        codec("Netty", SlowFramesTest::http, "POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\naaaa"),
        codec("multiplexer", SlowFramesTest::multiplexed, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"));
  }

  private static Arguments codec(
      String name, Supplier<? extends Protocol<?, ?>> codec, String frame) {
    return Arguments.of(name, codec, frame.getBytes(ISO_8859_1));
  }

  private static Protocol<?, ?> http() {
    return NettyCodec.of(
            FullHttpRequest.class,
            () -> List.of(new HttpServerCodec(), new HttpObjectAggregator(65_536)))
        .get();
  }

  private static Protocol<?, ?> multiplexed() {
    return Multiplexer.builder()
        .when(FirstBytes.of("*"), Protocols::resp, (connection, message) -> {})
        .build()
        .protocol();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("codecs")
  void byteASecondIsTooSlow(String name, Supplier<? extends Protocol<?, ?>> codec, byte[] frame) {
    var socket = connect(codec);
    for (int i = 0; i < TIMEOUT.toSeconds(); i++) {
      if (i < frame.length - 1) {
        socket.arrive(frame[i]);
      }
      timed.pass(SECOND);
    }
    assertThat(socket.connection().isOpen()).isTrue();
    timed.pass(Duration.ofSeconds(5)); // the wheel's delay, and the rest of the close
    assertThat(closeReasons).hasSize(1);
    assertThat(closeReasons.get(0).toString())
        .startsWith("TIMEOUT: frame: ")
        .endsWith(" bytes received (expected: the end within PT30S plus 1 s per KiB)");
    assertThat(messages).isZero();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("codecs")
  void eachFrameHasItsOwnTime(String name, Supplier<? extends Protocol<?, ?>> codec, byte[] frame) {
    var socket = connect(codec);
    byte[] next = Arrays.copyOfRange(frame, 1, frame.length + 1); // its end, and another beginning
    next[frame.length - 1] = frame[0];
    socket.arrive(frame[0]);
    for (int i = 1; i <= 5; i++) {
      timed.pass(Duration.ofSeconds(20));
      socket.arrive(next);
      assertThat(messages).isEqualTo(i);
    }
    assertThat(closeReasons).isEmpty();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("codecs")
  void silenceBetweenFramesIsNotLate(
      String name, Supplier<? extends Protocol<?, ?>> codec, byte[] frame) {
    var socket = connect(codec);
    for (int i = 0; i < frame.length; i++) {
      socket.arrive(frame[i]);
    }
    assertThat(messages).isOne();
    socket.arrive(frame);
    assertThat(messages).isEqualTo(2);
    timed.pass(Duration.ofHours(1));
    assertThat(closeReasons).isEmpty();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("codecs")
  void beginningBehindAFrameDoesNotStayForEver(
      String name, Supplier<? extends Protocol<?, ?>> codec, byte[] frame) {
    var socket = connect(codec);
    byte[] more = Arrays.copyOf(frame, 2 * frame.length - 1);
    System.arraycopy(frame, 0, more, frame.length, frame.length - 1);
    socket.arrive(more);
    timed.pass(TIMEOUT.plusSeconds(5));
    assertThat(messages).isEqualTo(1);
    assertThat(closeReasons).hasSize(1);
  }
}
