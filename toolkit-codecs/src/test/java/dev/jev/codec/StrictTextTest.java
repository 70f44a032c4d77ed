package dev.jev.codec;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class StrictTextTest {

  /** The bytes at which the table of well-formed sequences changes (Unicode, table 3-7). */
  private static final byte[] EDGES =
      HexFormat.of()
          .parseHex(
              "00417f80"
                  + "8f909fa0"
                  + "bfc0c1c2"
                  + "dfe0e1ec"
                  + "edeeeff0"
                  + "f1f3f4f5"
                  + "f7f8ff");

  private final CharsetDecoder decoder = UTF_8.newDecoder();

  private boolean isWellFormed(byte[] bytes) {
    try {
      decoder.decode(ByteBuffer.wrap(bytes));
      return true;
    } catch (CharacterCodingException e) {
      return false;
    }
  }

  private static boolean passes(ByteBuf in, int index, int length) {
    try {
      new StrictText(UTF_8).decode(in, index, length);
      return true;
    } catch (ProtocolException e) {
      return false;
    }
  }

  @Test
  void checkAgreesWithTheDecoderOfTheJdk() {
    int wellFormed = 0;
    ByteBuf in = Unpooled.buffer().writeBytes("abcdefghij".getBytes(UTF_8));
    for (int i = 0; i < EDGES.length * EDGES.length * EDGES.length * EDGES.length; i++) {
      int rest = i;
      byte[] bytes = new byte[4];
      for (int j = 0; j < bytes.length; j++) {
        bytes[j] = EDGES[rest % EDGES.length];
        rest /= EDGES.length;
      }
      in.writerIndex(10).writeBytes(bytes);
      boolean expected = isWellFormed(bytes);
      int ascii = i % 11;
      if (passes(in, 10 - ascii, ascii + bytes.length) != expected) {
        assertThat(HexFormat.of().formatHex(bytes)).as("well-formed: %s", expected).isEmpty();
      }
      wellFormed += expected ? 1 : 0;
    }
    assertThat(wellFormed).isBetween(100, 100_000);
  }

  @Test
  void checkReportsTheFirstMalformedByte() {
    ByteBuf in =
        Unpooled.wrappedBuffer(HexFormat.of().parseHex("ff" + "c3a4" + "61".repeat(9) + "c080"));
    assertThatThrownBy(() -> new StrictText(UTF_8).decode(in, 1, in.readableBytes() - 1))
        .isInstanceOf(ProtocolException.class)
        .hasMessage("text: malformed at byte 11 (expected: UTF-8)");
  }
}
