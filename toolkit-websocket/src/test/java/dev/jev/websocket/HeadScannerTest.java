package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.buffer.UnpooledHeapByteBuf;
import java.util.Random;
import org.junit.jupiter.api.Test;

class HeadScannerTest {

  private static final String HEAD = "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n";

  private final HeadScanner scanner = new HeadScanner();

  private static ByteBuf bytes(String text) {
    return Unpooled.copiedBuffer(text, ISO_8859_1);
  }

  @Test
  void headEndsAfterItsEmptyLineHoweverItArrives() {
    String all = "behind what was read" + HEAD + "\r\nrest";
    int start = all.indexOf(HEAD);
    ByteBuf in = bytes(all);
    for (int end = start; end < start + HEAD.length(); end++) {
      in.setIndex(start, end);
      assertThat(scanner.scan(in)).as("%s bytes", end - start).isEqualTo(-1);
      assertThat(scanner.hasBegun()).isEqualTo(end > start);
    }
    in.setIndex(start, all.length());
    assertThat(scanner.scan(in)).isEqualTo(HEAD.length());
    assertThat(scanner.hasBegun()).isFalse();
  }

  @Test
  void eachHeadIsFoundInTurn() {
    ByteBuf in = bytes(HEAD.repeat(3));
    for (int i = 0; i < 3; i++) {
      assertThat(scanner.scan(in)).isEqualTo(HEAD.length());
      in.skipBytes(HEAD.length());
    }
    assertThat(scanner.scan(in)).isEqualTo(-1);
  }

  @Test
  void headMayHaveNoHeaderLines() {
    assertThat(scanner.scan(bytes("GET / HTTP/1.0\r\n\r\n"))).isEqualTo(18);
  }

  @Test
  void eachByteIsReadOnce() {
    int[] reads = new int[1];
    ByteBuf in =
        new UnpooledHeapByteBuf(UnpooledByteBufAllocator.DEFAULT, 8192, 8192) {
          @Override
          protected byte _getByte(int index) {
            reads[0]++;
            return super._getByte(index);
          }
        };
    String head = "GET / HTTP/1.1\r\nX: " + "x".repeat(5000) + "\r\n\r\n";
    int length = -1;
    for (int i = 0; i < head.length(); i++) {
      assertThat(length).isEqualTo(-1);
      in.writeByte(head.charAt(i));
      length = scanner.scan(in);
    }
    assertThat(length).isEqualTo(head.length());
    assertThat(reads[0]).isEqualTo(head.length());
  }

  @Test
  void faultIsNamed() {
    assertThatExceptionOfType(Refusal.class)
        .isThrownBy(() -> scanner.scan(bytes("GET / HTTP/1.1\nHost: a")))
        .withMessage("start line: character 0x0a (expected: CR before LF)");
  }

  @Test
  void mutatedHeadIsRefusedOrComplete() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 20_000; round++) {
      StringBuilder head = new StringBuilder(HEAD);
      for (int i = random.nextInt(3); i >= 0; i--) {
        head.setCharAt(random.nextInt(head.length()), (char) random.nextInt(256));
      }
      String text = head.toString();
      try {
        int length = new HeadScanner().scan(bytes(text));
        if (length >= 0) {
          assertThat(text.substring(0, length)).as("seed %s", seed).endsWith("\r\n\r\n");
          assertThat(text.substring(0, length)).doesNotContain("\0").doesNotContain("\r\n ");
        }
      } catch (Refusal e) {
        assertThat(e.response().status()).as("seed %s", seed).isEqualTo(400);
      }
    }
  }
}
