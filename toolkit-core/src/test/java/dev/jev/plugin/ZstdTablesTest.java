package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests the number of tables that Zstandard frames define. */
class ZstdTablesTest {

  private static final String FRAME = "28b52ffd0058";
  private static final String RAW = "4000006162636465666761";

  /** One literal and a table of 2,048 entries for it. */
  private static final String LITERALS = "1200028a123456789ab003";

  /** One sequence and three tables for it. */
  private static final String SEQUENCES = "01a8e4ffe37fe4ff00000004";

  private static int tables(byte[] frame, int pieceBytes) {
    ZstdTables tables = new ZstdTables();
    ByteBuffer bytes = ByteBuffer.wrap(frame);
    int sum = 0;
    while (bytes.hasRemaining()) {
      int start = bytes.position();
      bytes.position(Math.min(start + pieceBytes, frame.length));
      sum += tables.accept(bytes, start);
    }
    return sum;
  }

  @ParameterizedTest
  @CsvSource({
    "640000" + LITERALS + "00, 1", // no sequences
    "6c000000" + SEQUENCES + ", 3", // no literals
    "bc0000" + LITERALS + SEQUENCES + ", 4",
    "bd0000" + LITERALS + SEQUENCES + "640000, 4", // the last block, and a checksum
    "640000" + LITERALS + "006c000000" + SEQUENCES + ", 4",
    "02000061, 0", // one byte, repeated
    "000000, 0",
  })
  void tablesOfLiteralsAndSequencesAreCounted(String blocks, int expected) {
    byte[] frame = HexFormat.of().parseHex(FRAME + RAW + blocks);
    for (int pieceBytes = 1; pieceBytes <= frame.length; pieceBytes++) {
      assertThat(tables(frame, pieceBytes)).isEqualTo(expected);
    }
  }

  @Test
  void everyFormOfHeadersIsRead() {
    String block = "640000" + LITERALS + "00";
    for (String header :
        new String[] {
          "00 58", "20 ff", "a1 ff41000200", "e3 ffffffff4100000001000000", "42 58ffff4100"
        }) {
      byte[] frame = HexFormat.of().parseHex("28b52ffd" + header.replace(" ", "") + block);
      assertThat(tables(frame, 3)).as(header).isEqualTo(1);
    }
    assertThat(tables(HexFormat.of().parseHex("502a4d180f000000" + block), 3)).isZero();
  }

  /** A marker behind a frame is found if all lengths in the frame were read correctly. */
  @Test
  void lengthsOfRealBlocksAreRead() {
    Random random = new Random(5);
    for (int i = 0; i < 300; i++) {
      byte[] content = content(random, random.nextInt(i < 30 ? 300_000 : 3_000));
      byte[] frame;
      try (ZstdCompressCtx compressor =
          new ZstdCompressCtx().setLevel(1 + random.nextInt(19)).setContentSize(i % 2 == 0)) {
        frame = compressor.compress(content);
      }
      byte[] marked = marked(frame);
      int pieceBytes = 1 + random.nextInt(40_000);
      assertThat(tables(marked, pieceBytes)).isEqualTo(tables(frame, frame.length) + 4);
      assertThat(Zstd.decompress(frame, content.length)).isEqualTo(content);
    }
  }

  /**
   * Returns a frame whose last block is not the last one any more, with another block behind it.
   */
  private static byte[] marked(byte[] frame) {
    int block = lastBlock(frame);
    byte[] more = frame.clone();
    more[block] &= (byte) ~1;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(more);
    out.writeBytes(HexFormat.of().parseHex("bd0000" + LITERALS + SEQUENCES));
    return out.toByteArray();
  }

  /** Returns the index of the last block; a frame of zstd has no dictionary here. */
  private static int lastBlock(byte[] frame) {
    int descriptor = frame[4] & 0xff;
    boolean isSingle = (descriptor & 0x20) != 0;
    int sizeBytes = descriptor >> 6 == 0 ? (isSingle ? 1 : 0) : 1 << (descriptor >> 6);
    int block = 5 + (isSingle ? 0 : 1) + sizeBytes;
    while (true) {
      int header =
          (frame[block] & 0xff)
              | ((frame[block + 1] & 0xff) << 8)
              | ((frame[block + 2] & 0xff) << 16);
      if ((header & 1) != 0) {
        return block;
      }
      block += 3 + ((header >> 1 & 3) == 1 ? 1 : header >> 3);
    }
  }

  private static byte[] content(Random random, int length) {
    byte[] content = new byte[length];
    int letters = 1 + random.nextInt(200);
    for (int i = 0; i < length; i++) {
      boolean copies = i > 100 && random.nextInt(3) > 0;
      content[i] = copies ? content[i - 1 - random.nextInt(100)] : (byte) random.nextInt(letters);
    }
    return content;
  }
}
