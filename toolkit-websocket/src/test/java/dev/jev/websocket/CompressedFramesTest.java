package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.jev.ProtocolException;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.zip.Deflater;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Valid and invalid compressed frames (RFC 7692), read byte by byte and all at once. They are
 * frames of a client, masked with four zeros.
 */
@Timeout(60)
class CompressedFramesTest {

  private static final String MASK = "00000000";
  private static final int MAX_MESSAGE_BYTES = 100_000;
  private static final PermessageDeflate AGREED =
      new PermessageDeflate(WebSocketCompression.DEFAULT, false, 0, false, 0);
  private static final PermessageDeflate TAKEOVER =
      new PermessageDeflate(WebSocketCompression.DEFAULT.contextTakeover(), true, 0, true, 0);

  private static LoopbackPair pair(PermessageDeflate agreed) {
    return new LoopbackPair(Role.CLIENT, agreed, MAX_MESSAGE_BYTES);
  }

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex.replace("MASK", MASK).replace(" ", ""));
  }

  private static List<String> texts(PermessageDeflate agreed, byte[] wire, int maxPiece) {
    try (LoopbackPair pair = pair(agreed)) {
      return pair.read(wire, new Random(1), maxPiece).stream()
          .map(content -> new String(content, UTF_8))
          .toList();
    }
  }

  private static void violates(PermessageDeflate agreed, byte[] wire, String close) {
    for (int maxPiece : new int[] {1, Integer.MAX_VALUE - 1}) {
      try (LoopbackPair pair = pair(agreed)) {
        assertThatExceptionOfType(ProtocolException.class)
            .isThrownBy(() -> pair.read(wire, new Random(1), maxPiece));
        byte[] frame = pair.written();
        int code = ((frame[2] & 0xff) << 8) | (frame[3] & 0xff);
        assertThat(code + " " + new String(frame, 4, frame.length - 4, UTF_8)).isEqualTo(close);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    // RFC 7692, 7.2.3.1 to 7.2.3.6
    "c1 87 MASK f248cdc9c90700, Hello",
    "41 83 MASK f248cd 80 84 MASK c9c90700, Hello",
    "c1 8b MASK 000500faff48656c6c6f00, Hello",
    "c1 88 MASK f348cdc9c9070000, Hello",
    "c1 8d MASK f248050000 00ffff cac9c90700, Hello",
    // not in its examples
    "81 85 MASK 48656c6c6f, Hello", // not compressed
    "c1 81 MASK 00, ''",
    "c1 82 MASK 0300, ''", // a final block, then an empty one
    "c1 82 MASK 0200, ''",
    "c1 80 MASK, ''", // no byte
    "41 80 MASK 80 80 MASK, ''",
    "c1 87 MASK f348cdc9c90700, Hello", // ends with the final block
    "41 80 MASK 00 87 MASK f248cdc9c90700 80 80 MASK, Hello",
    "41 87 MASK f248cdc9c90700 89 81 MASK 70 80 80 MASK, Hello", // with a ping
    "c1 8f MASK f348cdc9c90700 f348cdc9c9070000, HelloHello",
    "41 87 MASK f348cdc9c90700 80 88 MASK f348cdc9c9070000, HelloHello"
  })
  void messageIsDecompressedHoweverItIsCut(String hex, String text) {
    for (PermessageDeflate agreed : List.of(AGREED, TAKEOVER)) {
      assertThat(texts(agreed, bytes(hex), 1)).containsExactly(text);
      assertThat(texts(agreed, bytes(hex + hex), 1000)).containsExactly(text, text);
    }
  }

  @Test
  void laterMessageRefersToAnEarlierOneOnlyWithContextTakeover() { // RFC 7692, 7.2.3.2
    byte[] two = bytes("c1 87 MASK f248cdc9c90700  c1 85 MASK f200110000");
    assertThat(texts(TAKEOVER, two, 100)).containsExactly("Hello", "Hello");
    // Also if the first message ends with a final block.
    byte[] last = bytes("c1 88 MASK f348cdc9c9070000  c1 85 MASK f200110000");
    assertThat(texts(TAKEOVER, last, 100)).containsExactly("Hello", "Hello");
    // Uncompressed messages are not in the window.
    byte[] mixed = bytes("c1 87 MASK f248cdc9c90700  81 85 MASK 776f726c64 c1 85 MASK f200110000");
    assertThat(texts(TAKEOVER, mixed, 100)).containsExactly("Hello", "world", "Hello");
    violates(
        AGREED,
        two,
        "1007 compressed message: invalid distance too far back (expected: DEFLATE, RFC 7692, 7.2.2)");
  }

  @ParameterizedTest
  @CsvSource({
    "c9 80 MASK, 1002 RSV1: 1 (expected: 0)",
    "ca 80 MASK, 1002 RSV1: 1 (expected: 0)",
    "c8 80 MASK, 1002 RSV1: 1 (expected: 0)",
    "c0 80 MASK, 1002 RSV1: 1 (expected: 0)",
    "41 81 MASK 00 c0 80 MASK, 1002 RSV1: 1 (expected: 0)",
    "41 81 MASK 00 40 80 MASK, 1002 RSV1: 1 (expected: 0)",
    "41 81 MASK 00 c1 81 MASK 00, 1002 data frame: a new message (expected: a continuation)",
    "a1 80 MASK, 1002 RSV2 or RSV3: 1 (expected: 0)",
    "e1 80 MASK, 1002 RSV2 or RSV3: 1 (expected: 0)",
    "c1 81 MASK 07, '1007 compressed message: invalid block type (expected: DEFLATE, RFC 7692, 7.2.2)'",
    "c1 84 MASK ffffffff, '1007 compressed message: invalid block type (expected: DEFLATE, RFC 7692, 7.2.2)'",
    "c2 85 MASK 0005000000, '1007 compressed message: invalid stored block lengths (expected: DEFLATE, RFC 7692, 7.2.2)'",
    "c1 86 MASK f248cdc9c907, '1007 compressed message: invalid stored block lengths (expected: DEFLATE, RFC 7692, 7.2.2)'",
    "c1 ff 0000000000031141 MASK, 1009 message: 201025 bytes (expected: <= 201024)",
    "c1 ff 7fffffffffffffff MASK, 1009 message: 9223372036854775807 bytes (expected: <= 201024)"
  })
  void violationIsAnsweredWithOneCloseFrameThatNamesIt(String hex, String close) {
    violates(AGREED, bytes(hex), close);
    violates(TAKEOVER, bytes(hex), close);
  }

  // Longer messages.

  private static byte[] deflated(byte[] bytes) {
    Deflater deflater = new Deflater(9, true);
    deflater.setInput(bytes);
    byte[] out = new byte[bytes.length + 1000];
    int length = deflater.deflate(out, 0, out.length, Deflater.SYNC_FLUSH);
    deflater.end();
    return Arrays.copyOf(out, length - 4);
  }

  private static byte[] frame(int first, byte[] payload) {
    int length = payload.length;
    String hex =
        length < 126
            ? String.format(Locale.ROOT, "%02x %02x MASK", first, 0x80 | length)
            : length < 65_536
                ? String.format(Locale.ROOT, "%02x fe %04x MASK", first, length)
                : String.format(Locale.ROOT, "%02x ff %016x MASK", first, length);
    ByteArrayOutputStream frame = new ByteArrayOutputStream();
    frame.writeBytes(bytes(hex));
    frame.writeBytes(payload);
    return frame.toByteArray();
  }

  private static byte[] fragmented(int first, byte[] payload, int each) {
    ByteArrayOutputStream frames = new ByteArrayOutputStream();
    for (int from = 0; from < payload.length; from += each) {
      int to = Math.min(from + each, payload.length);
      int bits = (from == 0 ? first & 0x7f : 0) | (to == payload.length ? 0x80 : 0);
      frames.writeBytes(frame(bits, Arrays.copyOfRange(payload, from, to)));
    }
    return frames.toByteArray();
  }

  private static byte[] zeros(int length) {
    return deflated(new byte[length]);
  }

  @Test
  void longestMessageIsAcceptedAndOneByteMoreIsNot() {
    byte[] longest = zeros(MAX_MESSAGE_BYTES);
    byte[] longer = zeros(MAX_MESSAGE_BYTES + 1);
    String close = "1009 message: more than 100000 bytes (expected: <= 100000)";
    for (PermessageDeflate agreed : List.of(AGREED, TAKEOVER)) {
      assertThat(texts(agreed, frame(0xc2, longest), 50)).containsExactly("\0".repeat(100_000));
      assertThat(texts(agreed, fragmented(0xc1, longest, 7), 50))
          .containsExactly("\0".repeat(100_000));
      violates(agreed, frame(0xc2, longer), close);
      violates(agreed, fragmented(0xc1, longer, 7), close);
    }
  }

  @Test
  void messageThatCannotBeCompressedMayBeLongerOnTheWireThanItsLimit() {
    byte[] noise = new byte[MAX_MESSAGE_BYTES];
    new Random(1).nextBytes(noise);
    byte[] deflated = deflated(noise);
    assertThat(deflated.length).isGreaterThan(MAX_MESSAGE_BYTES);
    try (LoopbackPair pair = pair(AGREED)) {
      assertThat(pair.read(frame(0xc2, deflated), new Random(1), 5000)).containsExactly(noise);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {Integer.MAX_VALUE, 1000})
  void bombTakesNoMoreMemoryThanTheLongestMessage(int fragment) {
    int most = 1 << 20;
    byte[] bomb = zeros(5_000_000);
    byte[] wire = fragment < bomb.length ? fragmented(0xc1, bomb, fragment) : frame(0xc1, bomb);
    assertThat(bomb.length).isLessThan(100_000);
    PooledByteBufAllocator allocator = PooledByteBufAllocator.DEFAULT;
    long before = allocator.pinnedDirectMemory();
    long peak = 0;
    PermessageDeflate agreed = AGREED;
    try (LoopbackPair pair = new LoopbackPair(Role.CLIENT, agreed, most)) {
      int read = 0;
      try {
        for (; read < wire.length; read += 8) {
          pair.read(Arrays.copyOfRange(wire, read, read + 8), message -> {});
          peak = Math.max(peak, allocator.pinnedDirectMemory() - before);
        }
      } catch (ProtocolException e) {
        assertThat(e).hasMessage("message: more than 1048576 bytes (expected: <= 1048576)");
      }
      assertThat(read).isLessThan(2000);
    }
    assertThat(peak).isBetween((long) most / 2, most + 64L * 1024);
    assertThat(allocator.pinnedDirectMemory()).isLessThanOrEqualTo(before);
  }

  @Test
  void textIsValidatedAsSoonAsItArrives() {
    byte[] wrong = new byte[10_000];
    Random random = new Random(1);
    for (int i = 0; i < wrong.length; i++) {
      wrong[i] = (byte) ('0' + random.nextInt(64));
    }
    wrong[5000] = (byte) 0xff;
    byte[] deflated = deflated(wrong);
    byte[] wire = fragmented(0xc1, deflated, deflated.length / 2);
    String close = "1007 text: not UTF-8 (RFC 6455, 8.1)";
    violates(AGREED, wire, close);
    // Long before the end of the message.
    violates(AGREED, Arrays.copyOf(wire, wire.length * 3 / 4), close);
    violates(TAKEOVER, Arrays.copyOf(wire, wire.length * 3 / 4), close);
  }

  @Test
  void characterMayBeCutByBlocksAndFragmentsButNotByTheEnd() {
    String characters = "a".repeat(65_535) + "\u20ac".repeat(1000); // split by a part of 64 KiB
    byte[] text = characters.getBytes(UTF_8);
    byte[] deflated = deflated(text);
    assertThat(texts(AGREED, fragmented(0xc1, deflated, 1), 100)).containsExactly(characters);
    byte[] cut = deflated(Arrays.copyOf(text, text.length - 1));
    violates(AGREED, frame(0xc1, cut), "1007 text: not UTF-8 at its end (RFC 6455, 8.1)");
  }

  @Test
  void messageThatEndsTooEarlyIsAViolation() {
    byte[] whole =
        deflated("a text that is long enough, as texts go, to have a few blocks".getBytes(UTF_8));
    for (PermessageDeflate agreed : List.of(AGREED, TAKEOVER)) {
      for (int length = 1; length < whole.length; length++) {
        byte[] wire = frame(0xc1, Arrays.copyOf(whole, length));
        try (LoopbackPair pair = pair(agreed)) {
          assertThatExceptionOfType(ProtocolException.class)
              .as("%s bytes", length)
              .isThrownBy(() -> pair.read(wire, message -> {}))
              .withMessageStartingWith("compressed message: ");
        }
      }
    }
  }

  @Test
  void anyBytesAreAMessageOrAViolation() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    int violations = 0;
    for (int i = 0; i < 1000; i++) {
      byte[] bytes = deflated(new byte[random.nextInt(300)]);
      for (int n = 1 + random.nextInt(3); n > 0; n--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
      }
      try (LoopbackPair pair = pair(i % 2 == 0 ? AGREED : TAKEOVER)) {
        pair.read(frame(0xc2, bytes), random, 50);
      } catch (ProtocolException e) {
        violations++;
        assertThat(e).as("seed %s", seed).hasMessageMatching("(compressed )?message: .*");
      }
    }
    assertThat(violations).as("seed %s", seed).isBetween(50, 999);
  }

  @Test
  void nextConnectionIsNotAffectedByAViolation() {
    for (int i = 0; i < 10; i++) {
      violates(
          AGREED,
          bytes("c1 84 MASK ffffffff"),
          "1007 compressed message: invalid block type (expected: DEFLATE, RFC 7692, 7.2.2)");
      assertThat(texts(AGREED, bytes("c1 87 MASK f248cdc9c90700"), 10)).containsExactly("Hello");
    }
  }

  @Test
  void inflaterIsBorrowedOnlyWhileAMessageIsBeingReceived() {
    int before = Zlib.alive();
    List<LoopbackPair> pairs = new ArrayList<>();
    byte[] hello = bytes("c1 87 MASK f248cdc9c90700");
    for (int i = 0; i < 100; i++) {
      LoopbackPair pair = pair(TAKEOVER);
      pairs.add(pair);
      pair.read(hello, message -> {});
    }
    assertThat(Zlib.alive() - before).isLessThanOrEqualTo(1);
    byte[] half = Arrays.copyOf(hello, 9);
    pairs.forEach(pair -> pair.read(half, message -> {}));
    assertThat(Zlib.alive() - before).isGreaterThanOrEqualTo(90);
    pairs.forEach(LoopbackPair::close);
    assertThat(Zlib.alive() - before).isLessThanOrEqualTo(4); // kept for later use
  }
}
