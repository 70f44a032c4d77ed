package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.ProtocolException;
import dev.jev.Server;
import dev.jev.websocket.WebSocketMessage.Fragment;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Messages received and sent in parts. */
@Timeout(60)
class StreamingTest {

  private static final int PART_BYTES = 64 * 1024;
  private static final PermessageDeflate PLAIN = agreed(false, 15);

  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);

  private static PermessageDeflate agreed(boolean takeover, int bits) {
    return new PermessageDeflate(WebSocketCompression.DEFAULT, takeover, bits, takeover, bits);
  }

  /** Returns the negotiated parameters to test with; null for no compression. */
  static Stream<@Nullable PermessageDeflate> agreements() {
    return Stream.of(null, agreed(false, 15), agreed(true, 15), agreed(false, 8));
  }

  private static LoopbackPair pair(@Nullable PermessageDeflate agreed) {
    return new LoopbackPair(
        Role.CLIENT,
        agreed,
        new MessageLimits(1, 8, /* streaming= */ true, /* textOnly= */ false).newReader());
  }

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex.replace("MASK", "00000000").replace(" ", ""));
  }

  /** Returns descriptions of the parts of {@code wire}, in reads of the given sizes. */
  private static List<String> parts(@Nullable PermessageDeflate agreed, byte[] wire, int... reads) {
    List<String> parts = new ArrayList<>();
    try (LoopbackPair pair = pair(agreed)) {
      int from = 0;
      for (int i = 0; from < wire.length; i++) {
        int to = i < reads.length ? Math.min(from + reads[i], wire.length) : wire.length;
        pair.read(
            Arrays.copyOfRange(wire, from, to),
            message -> {
              Fragment part = (Fragment) message;
              parts.add(
                  (part.isText() ? "text " : "binary ")
                      + part.content().toString(UTF_8)
                      + (part.isFirst() ? " first" : "")
                      + (part.isLast() ? " last" : ""));
            });
        from = to;
      }
    }
    return parts;
  }

  @Test
  void partIsWhatOneReadHasOfAFrame() {
    byte[] hello = bytes("81 85 MASK 48656c6c6f");
    assertThat(parts(null, hello)).containsExactly("text Hello first last");
    assertThat(parts(null, hello, 8)).containsExactly("text He first", "text llo last");
    assertThat(parts(null, hello, 6)).containsExactly("text Hello first last");
    assertThat(parts(null, hello, 7, 1, 1, 1))
        .containsExactly("text H first", "text e", "text l", "text l", "text o last");
    assertThat(parts(null, bytes("02 82 MASK 4865 00 80 MASK 89 80 MASK 80 83 MASK 6c6c6f")))
        .containsExactly("binary He first", "binary llo last");
    assertThat(parts(null, bytes("01 80 MASK 00 81 MASK 61 80 80 MASK")))
        .containsExactly("text a first", "text  last");
    assertThat(parts(null, bytes("82 80 MASK 82 80 MASK")))
        .containsExactly("binary  first last", "binary  first last");
    byte[] deflated = bytes("41 83 MASK f248cd 80 84 MASK c9c90700");
    assertThat(String.join("", parts(PLAIN, deflated))).startsWith("text H").endsWith(" last");
    assertThat(parts(PLAIN, bytes("c1 87 MASK f248cdc9c90700 c2 81 MASK 00")))
        .containsExactly("text Hello first last", "binary  first last");
  }

  @Test
  void characterMayBeCutByPartsButNotByTheEnd() {
    assertThat(parts(null, bytes("81 83 MASK e282ac"), 7)).hasSize(2);
    violates("81 82 MASK e282", "text: not UTF-8 at its end (RFC 6455, 8.1)");
    violates("01 81 MASK e2 80 80 MASK", "text: not UTF-8 at its end (RFC 6455, 8.1)");
    violates("01 81 MASK e2 00 81 MASK 28", "text: not UTF-8 (RFC 6455, 8.1)");
  }

  @Test
  void emptyFramesInARowAreLimited() {
    String often = "00 81 MASK 61".repeat(100);
    assertThat(parts(null, bytes("01 80 MASK" + often + "80 80 MASK"))).hasSize(101);
    violates("01 80 MASK" + "00 80 MASK".repeat(8), "fragments: more than 8 (expected: <= 8)");
    violates("01 80 MASK 82 80 MASK", "data frame: a new message (expected: a continuation)");
  }

  private static void violates(String hex, String fault) {
    try (LoopbackPair pair = pair(null)) {
      assertThatExceptionOfType(ProtocolException.class)
          .isThrownBy(() -> pair.read(bytes(hex), part -> {}))
          .withMessage(fault);
    }
  }

  private static Fragment part(byte[] bytes, int from, int to, boolean isText) {
    ByteBuf content = Unpooled.wrappedBuffer(bytes, from, to - from);
    return new Fragment(content, isText, from == 0, to == bytes.length);
  }

  @ParameterizedTest
  @MethodSource("agreements")
  void messageInPartsIsTheSameAfterwards(@Nullable PermessageDeflate agreed) {
    byte[] message = new byte[300_000];
    for (int i = 0; i < message.length; i++) {
      message[i] = (byte) (i / 1000 % 2 == 0 ? random.nextInt() : i);
    }
    for (Role sender : Role.values()) {
      ByteArrayOutputStream received = new ByteArrayOutputStream();
      try (LoopbackPair pair =
          new LoopbackPair(
              sender,
              agreed,
              new MessageLimits(1, 8, /* streaming= */ true, /* textOnly= */ false).newReader())) {
        for (int round = 0; round < 2; round++) {
          received.reset();
          for (int from = 0; from < message.length; ) {
            int to = Math.min(from + 1 + random.nextInt(100_000), message.length);
            pair.read(
                pair.pack(part(message, from, to, false)),
                part -> {
                  assertThat(((Fragment) part).content().readableBytes())
                      .isLessThanOrEqualTo(Math.max(PART_BYTES, 100_000));
                  received.writeBytes(LoopbackPair.content(part));
                });
            from = to;
          }
          assertThat(received.toByteArray()).as("seed %s", seed).isEqualTo(message);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("agreements")
  void sentPartsMayBeEmptyAndAreAssembledByTheReceiver(@Nullable PermessageDeflate agreed) {
    byte[] all = "0123456789".repeat(100).getBytes(UTF_8);
    try (LoopbackPair pair = new LoopbackPair(Role.SERVER, agreed, 10_000)) {
      for (int i = 0; i < 3; i++) {
        ByteArrayOutputStream wire = new ByteArrayOutputStream();
        wire.writeBytes(pair.pack(new Fragment(Unpooled.EMPTY_BUFFER, true, true, false)));
        wire.writeBytes(pair.pack(new Fragment(Unpooled.wrappedBuffer(all), true, false, false)));
        wire.writeBytes(pair.pack(new Fragment(Unpooled.EMPTY_BUFFER, true, false, false)));
        wire.writeBytes(pair.pack(new Fragment(Unpooled.wrappedBuffer(all), true, false, false)));
        wire.writeBytes(pair.pack(new Fragment(Unpooled.EMPTY_BUFFER, true, false, true)));
        assertThat(wire.size()).isLessThan(agreed == null ? 2100 : 1000);
        List<String> texts = new ArrayList<>();
        pair.read(wire.toByteArray(), m -> texts.add(((WebSocketMessage.Text) m).text()));
        assertThat(texts).containsExactly("0123456789".repeat(200));
        assertThat(pair.read(pair.pack(WebSocketMessage.text("whole")), random, 10)).hasSize(1);
      }
    }
  }

  @Test
  void otherMessageInBetweenIsRefused() {
    Supplier<Fragment> next = () -> new Fragment(Unpooled.EMPTY_BUFFER, true, false, false);
    Supplier<Fragment> first = () -> new Fragment(Unpooled.EMPTY_BUFFER, true, true, false);
    try (LoopbackPair pair = pair(null)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> pair.pack(next.get()))
          .withMessage("fragment: not the first (expected: the first of a message)");
      pair.pack(first.get());
      for (WebSocketMessage other :
          List.of(
              first.get(), WebSocketMessage.text("a"), WebSocketMessage.binary(new byte[] {1}))) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> pair.pack(other))
            .withMessage(
                "message: a new one within a fragmented message (expected: the next fragment)");
      }
      assertThat(pair.pack(next.get())).hasSize(6);
      assertThat(pair.pack(WebSocketMessage.close(1000, ""))).isEmpty(); // the close writes it
    }
  }

  @Test
  void partsOfACompressedMessageAreBoundedAndSoIsItsRatio() {
    byte[] zeros = new byte[3 << 20];
    ByteArrayOutputStream wire = new ByteArrayOutputStream();
    try (LoopbackPair pair = pair(PLAIN)) {
      wire.writeBytes(pair.pack(WebSocketMessage.binary(zeros)));
    }
    List<Integer> parts = new ArrayList<>();
    try (LoopbackPair pair = pair(PLAIN)) {
      assertThatExceptionOfType(ProtocolException.class)
          .isThrownBy(
              () ->
                  pair.read(
                      wire.toByteArray(),
                      part -> parts.add(((Fragment) part).content().readableBytes())))
          .withMessage(
              "message: more than 100 times its compressed size (expected: less beyond 1 MiB)");
    }
    assertThat(parts).hasSizeBetween(16, 32).allMatch(bytes -> bytes == PART_BYTES);
  }

  @ParameterizedTest
  @CsvSource({"false", "true"})
  void longMessageGoesThroughAServerThatNeverHasAllOfIt(boolean compressed) throws Exception {
    WebSocketServerBuilder ofServer = WebSocketProtocol.server().streaming();
    Server server =
        Server.builder(
                (compressed ? ofServer.compression() : ofServer).build(),
                (Connection<WebSocketMessage> connection, WebSocketMessage part) ->
                    connection.send(part))
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .lingeringCloseTimeout(Duration.ofMillis(50))
            .start();
    WebSocketClientBuilder ofClient =
        WebSocketProtocol.client(URI.create("ws://127.0.0.1:" + server.port())).streaming();
    byte[] message = new byte[3 << 20];
    random.nextBytes(message);
    Arrays.fill(message, 0, 1 << 20, (byte) 7);
    ByteArrayOutputStream received = new ByteArrayOutputStream();
    CompletableFuture<Void> ended = new CompletableFuture<>();
    Client<WebSocketMessage> client =
        Client.builder(
                (compressed ? ofClient.compression() : ofClient).build(),
                (Connection<WebSocketMessage> connection, WebSocketMessage message1) -> {
                  received.writeBytes(LoopbackPair.content(message1));
                  if (((Fragment) message1).isLast()) {
                    ended.complete(null);
                  }
                })
            .maxPendingBytes(16 << 20)
            .lingeringCloseTimeout(Duration.ofMillis(50))
            .connect(ofClient.address());
    try {
      Connection<WebSocketMessage> connection =
          client.connected().toCompletableFuture().get(20, TimeUnit.SECONDS);
      for (int from = 0; from < message.length; from += 100_000) {
        connection.send(part(message, from, Math.min(from + 100_000, message.length), false));
      }
      ended.get(20, TimeUnit.SECONDS);
      assertThat(received.toByteArray()).as("seed %s", seed).isEqualTo(message);
    } finally {
      client.close();
      server.close();
    }
  }
}
