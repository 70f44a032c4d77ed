package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.ZstdCompressCtx;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** Tests the size of the window of Zstandard frames. */
class ZstdWindowTest {

  private static long windowOf(byte[] frame) {
    ZstdWindow window = new ZstdWindow();
    window.begin();
    ByteBuffer bytes = ByteBuffer.wrap(frame);
    while (bytes.hasRemaining()) { // byte by byte
      int start = bytes.position();
      bytes.position(start + 1);
      window.accept(bytes, start);
    }
    return window.bytes();
  }

  private static long windowOf(String hex) {
    return windowOf(HexFormat.of().parseHex(hex.replace(" ", "")));
  }

  @Test
  void windowIsReadFromItsDescriptor() {
    assertThat(windowOf("28b52ffd 00 00")).isEqualTo(1024);
    assertThat(windowOf("28b52ffd 00 5b")).isEqualTo((2 << 20) + 3 * (2 << 20) / 8);
    assertThat(windowOf("28b52ffd 03 68 ffff")).isEqualTo(8 << 20);
  }

  @Test
  void singleSegmentIsItsOwnWindow() {
    assertThat(windowOf("28b52ffd 20 41 ffff")).isEqualTo(0x41);
    assertThat(windowOf("28b52ffd 60 4100 ffff")).isEqualTo(0x41 + 256);
    assertThat(windowOf("28b52ffd a1 ff 41000200 ffff")).isEqualTo(0x20041); // with a dictionary
    assertThat(windowOf("28b52ffd e0 4100000001000000 ff")).isEqualTo((1L << 32) + 0x41);
  }

  @Test
  void skippableFrameHasNoWindow() {
    assertThat(windowOf("502a4d18 05000000 0102030405")).isZero();
  }

  @Test
  void largestWindowOfTheFramesCounts() {
    ZstdWindow window = new ZstdWindow();
    for (String frame : new String[] {"28b52ffd2041", "28b52ffd0000", "502a4d1800", "28b52ffd20"}) {
      window.begin();
      ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(frame));
      bytes.position(bytes.limit());
      window.accept(bytes, 0);
    }
    assertThat(window.bytes()).isEqualTo(1024);
  }

  @Test
  void transformerCountsTheWindowUntilItIsClosed() {
    ZstdTransformer transformer = new ZstdTransformer(3);
    assertThat(transformer.bufferedBytes()).isZero();
    byte[] frame;
    try (ZstdCompressCtx compressor =
        new ZstdCompressCtx().setWindowLog(20).setContentSize(false)) {
      frame = compressor.compress(new byte[5 << 20]);
    }
    ByteBuf in = Unpooled.wrappedBuffer(frame, 0, 7);
    ByteBuf out = Unpooled.directBuffer(1 << 16);
    transformer.inbound(in, out);
    assertThat(transformer.bufferedBytes()).isEqualTo(1 << 20);
    transformer.close();
    assertThat(transformer.bufferedBytes()).isZero();
    out.release();
  }
}
