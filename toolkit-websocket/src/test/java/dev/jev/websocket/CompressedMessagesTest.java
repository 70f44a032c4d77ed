package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Compression and decompression of messages with all negotiated parameters. */
@Timeout(60)
class CompressedMessagesTest {

  private static final int MIB = 1 << 20;
  private static final int[] LENGTHS = {
    0, 1, 2, 127, 128, 255, 256, 257, 1000, 4096, 16_383, 16_384, 16_385, 32_769, 65_535, 65_536
  };
  private static final WebSocketCompression ALL = WebSocketCompression.DEFAULT.minBytes(1);

  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);

  private static PermessageDeflate agreed(boolean takeover, int windowBits) {
    return new PermessageDeflate(ALL, takeover, windowBits, takeover, windowBits);
  }

  static Stream<Arguments> agreements() {
    return IntStream.of(8, 9, 12, 15)
        .boxed()
        .flatMap(
            bits ->
                Stream.of(true, false)
                    .flatMap(
                        takeover ->
                            Stream.of(Role.values()).map(r -> Arguments.of(bits, takeover, r))));
  }

  /** Returns letters with repetitions at short and long distances. */
  private byte[] text(int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; ) {
      int back = 1 + random.nextInt(40_000);
      for (int n = random.nextInt(60); n >= 0 && i < length; n--, i++) {
        bytes[i] = back <= i ? bytes[i - back] : (byte) ('a' + random.nextInt(20));
      }
    }
    return bytes;
  }

  private byte[] noise(int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  private static WebSocketMessage binary(byte[] bytes) {
    return WebSocketMessage.binary(Unpooled.wrappedBuffer(bytes));
  }

  private List<byte[]> payloads(int... lengths) {
    List<byte[]> payloads = new ArrayList<>();
    for (int length : lengths) {
      payloads.add(text(length));
      payloads.add(noise(length));
      payloads.add(new byte[length]);
    }
    return payloads;
  }

  @ParameterizedTest
  @MethodSource("agreements")
  void messageIsTheSameAfterwards(int bits, boolean takeover, Role sender) {
    try (LoopbackPair pair = new LoopbackPair(sender, agreed(takeover, bits), MIB)) {
      for (byte[] payload : payloads(LENGTHS)) {
        byte[] wire = pair.pack(binary(payload));
        assertThat(wire.length).isLessThanOrEqualTo(payload.length + payload.length / 200 + 30);
        assertThat(pair.read(wire, random, 1 + wire.length / 4))
            .as("%s bytes, seed %s", payload.length, seed)
            .containsExactly(payload);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"8, false", "12, true", "15, false", "15, true"})
  void longMessageIsTheSameAfterwards(int bits, boolean takeover) {
    try (LoopbackPair pair = new LoopbackPair(Role.SERVER, agreed(takeover, bits), MIB)) {
      for (byte[] payload : List.of(text(MIB), noise(MIB - 1))) {
        byte[] wire = pair.pack(binary(payload));
        assertThat(pair.read(wire, random, 200_000)).as("seed %s", seed).containsExactly(payload);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void bytesMayComeOneByOne(boolean takeover) {
    try (LoopbackPair pair = new LoopbackPair(Role.CLIENT, agreed(takeover, 15), MIB)) {
      for (byte[] payload : payloads(0, 1, 200, 1000)) {
        assertThat(pair.read(pair.pack(binary(payload)), random, 1))
            .as("seed %s", seed)
            .containsExactly(payload);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void stringsAndBytesOfTextAreCompressedAlike(boolean takeover) {
    for (int length : new int[] {200, 10_000, 40_000}) {
      String text = "gr\u00fc\u00dfe \u20ac \ud83d\ude00 ".repeat(length / 20);
      ByteBuf utf8 = ByteBufUtil.writeUtf8(PooledByteBufAllocator.DEFAULT, text);
      byte[] ofBytes;
      try (LoopbackPair pair = new LoopbackPair(Role.SERVER, agreed(takeover, 15), MIB)) {
        ofBytes = pair.pack(WebSocketMessage.text(utf8));
      }
      try (LoopbackPair pair = new LoopbackPair(Role.SERVER, agreed(takeover, 15), MIB)) {
        byte[] wire = pair.pack(WebSocketMessage.text(text));
        assertThat(wire).isEqualTo(ofBytes).hasSizeLessThan(text.length() / 2);
        pair.read(
            wire, message -> assertThat(((WebSocketMessage.Text) message).text()).isEqualTo(text));
      }
    }
  }

  @Test
  void shortMessagesAndThoseThatDoNotShrinkAreSentUncompressed() {
    PermessageDeflate agreed =
        new PermessageDeflate(WebSocketCompression.DEFAULT, false, 0, false, 0);
    try (LoopbackPair pair = new LoopbackPair(Role.SERVER, agreed, MIB)) {
      assertThat(pair.pack(binary(new byte[127]))).startsWith(0x82, 126, 0, 127);
      assertThat(pair.pack(binary(new byte[128]))[0]).isEqualTo((byte) 0xc2);
      assertThat(pair.pack(WebSocketMessage.text("a".repeat(127)))).startsWith(0x81, 126, 0, 127);
      assertThat(pair.pack(WebSocketMessage.text("a".repeat(128)))[0]).isEqualTo((byte) 0xc1);
      byte[] noise = noise(40_000);
      byte[] wire = pair.pack(binary(noise));
      assertThat(wire).startsWith(0x82, 126).endsWith(noise).hasSize(noise.length + 4);
    }
  }

  /** Returns the payload of a whole frame of a server. */
  private static byte[] payload(byte[] frame) {
    int length = frame[1];
    return Arrays.copyOfRange(frame, length < 126 ? 2 : length == 126 ? 4 : 10, frame.length);
  }

  /** Decompresses with Python's zlib, which refuses references beyond the window. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @CallsPrograms
  void nothingRefersBackFurtherThanTheWindow(boolean takeover) throws Exception {
    StringBuilder script = new StringBuilder();
    script.append("import sys, zlib\nfor line in sys.stdin:\n");
    script.append("  bits, *messages = line.split()\n");
    script.append("  z = zlib.decompressobj(-int(bits))\n");
    script.append("  for m in messages:\n");
    script.append("    b = z.decompress(bytes.fromhex(m) + bytes.fromhex('0000ffff'))\n");
    script.append("    print(bits, len(b), zlib.crc32(b))\n");
    List<String> expected = new ArrayList<>();
    StringBuilder input = new StringBuilder();
    for (int bits = 8; bits <= 15; bits++) {
      int known = Math.max(bits, 9); // zlib does not support 8
      input.append(known);
      try (LoopbackPair pair = new LoopbackPair(Role.SERVER, agreed(takeover, bits), MIB)) {
        for (byte[] bytes : List.of(text(300), text(70_000), new byte[1000], text(5_000))) {
          input.append(' ').append(HexFormat.of().formatHex(payload(pair.pack(binary(bytes)))));
          CRC32 crc = new CRC32();
          crc.update(bytes);
          expected.add(known + " " + bytes.length + " " + crc.getValue());
        }
      }
      input.append('\n');
    }
    assertThat(python(script.toString(), input.toString())).as("seed %s", seed).isEqualTo(expected);
  }

  private static List<String> python(String script, String input) throws Exception {
    byte[] output = Program.run(input.getBytes(UTF_8), "python3", "-c", script);
    return new String(output, UTF_8).lines().toList();
  }

  @Test
  void messagesReferToEarlierOnesOnlyWithContextTakeover() {
    byte[] payload = noise(1000);
    try (LoopbackPair pair = new LoopbackPair(Role.SERVER, agreed(/* takeover= */ true, 15), MIB)) {
      assertThat(pair.pack(binary(payload)).length).isGreaterThan(1000);
      assertThat(pair.pack(binary(payload)).length).isLessThan(50);
    }
    try (LoopbackPair pair =
        new LoopbackPair(Role.SERVER, agreed(/* takeover= */ false, 15), MIB)) {
      assertThat(pair.pack(binary(payload)).length).isGreaterThan(1000);
      assertThat(pair.pack(binary(payload)).length).isGreaterThan(1000);
    }
  }
}
