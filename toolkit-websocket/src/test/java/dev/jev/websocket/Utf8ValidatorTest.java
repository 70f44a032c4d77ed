package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.CompositeByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class Utf8ValidatorTest {

  private static ByteBuf bytes(String hex) {
    return Unpooled.wrappedBuffer(HexFormat.of().parseHex(hex.replace(" ", "")));
  }

  private static int accept(Utf8Validator validator, ByteBuf bytes) {
    return validator.accept(bytes, 0, bytes.readableBytes());
  }

  @ParameterizedTest
  @CsvSource({
    "c0 af, 0", // overlong
    "c1 bf, 0",
    "e0 9f bf, 1",
    "f0 8f bf bf, 1",
    "ed a0 80, 1", // surrogates
    "ed bf bf, 1",
    "f4 90 80 80, 1", // above U+10FFFF
    "f5 80 80 80, 0",
    "ff, 0",
    "80, 0", // a continuation byte without a first byte
    "61 62 63 64 65 66 67 68 69 80, 9",
    "c3 28, 1", // no continuation byte
    "e2 82 28, 2",
    "f0 9f 98 28, 3",
    "c3 a4 a4, 2"
  })
  void firstWrongByteIsFound(String hex, int index) {
    assertThat(accept(new Utf8Validator(), bytes(hex))).isEqualTo(index);
  }

  @ParameterizedTest
  @CsvSource({"c3", "e2", "e2 82", "f0 9f 98", "61 62 63 64 65 66 67 68 69 f4"})
  void beginningOfACharacterIsIncomplete(String hex) {
    Utf8Validator validator = new Utf8Validator();
    assertThat(accept(validator, bytes(hex))).isEqualTo(-1);
    assertThat(validator.isComplete()).isFalse();
  }

  @Test
  void everyCharacterIsAcceptedHoweverItIsCut() {
    List<String> wrong = new ArrayList<>();
    Utf8Validator validator = new Utf8Validator();
    for (int c = 0; c <= 0x10ffff; c++) {
      if (c >= 0xd800 && c <= 0xdfff) {
        continue;
      }
      ByteBuf bytes = Unpooled.wrappedBuffer(Character.toString(c).getBytes(UTF_8));
      int length = bytes.readableBytes();
      for (int i = 0; i < length; i++) {
        boolean accepted = validator.accept(bytes, i, i + 1) < 0;
        if (!accepted || validator.isComplete() != (i == length - 1)) {
          wrong.add("U+" + Integer.toHexString(c) + " at byte " + i);
          validator = new Utf8Validator();
        }
      }
    }
    assertThat(wrong).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void everyByteOfALongTextIsChecked(boolean inParts) {
    ByteBuf text = inParts ? parts(40, 1, 0, 66) : PooledByteBufAllocator.DEFAULT.buffer(107);
    text.setBytes(0, new byte[107]).writerIndex(107);
    int from = 3;
    for (int to : new int[] {from, 40, 75, 107}) {
      assertThat(new Utf8Validator().accept(text, from, to)).isEqualTo(-1);
      for (int i = from; i < to; i++) {
        text.setByte(i, 0xff);
        assertThat(new Utf8Validator().accept(text, from, to)).isEqualTo(i);
        text.setByte(i, 0);
      }
    }
    text.release();
  }

  /** Returns a buffer of parts with these lengths. */
  private static ByteBuf parts(int... lengths) {
    CompositeByteBuf parts = Unpooled.compositeBuffer();
    for (int length : lengths) {
      parts.addComponent(Unpooled.buffer(length).writeZero(length));
    }
    return parts;
  }

  @Test
  void verdictIsThatOfTheJdk() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    byte[] edges = HexFormat.of().parseHex("00417f808f909fa0bfc0c1c2dfe0e1ecedeeeff0f1f3f4f5ff");
    List<String> wrong = new ArrayList<>();
    for (int round = 0; round < 200_000; round++) {
      byte[] bytes = new byte[random.nextInt(24)];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = random.nextInt(4) == 0 ? (byte) 'x' : edges[random.nextInt(edges.length)];
      }
      if (!isVerdictOfTheJdk(bytes)) {
        wrong.add(HexFormat.of().formatHex(bytes));
      }
    }
    assertThat(wrong).as("seed %s", seed).isEmpty();
  }

  private static boolean isVerdictOfTheJdk(byte[] bytes) {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    CharsetDecoder jdk = UTF_8.newDecoder();
    CoderResult result = jdk.decode(in, CharBuffer.allocate(64), /* endOfInput= */ false);
    Utf8Validator validator = new Utf8Validator();
    int wrong = validator.accept(Unpooled.wrappedBuffer(bytes), 0, bytes.length);
    // The JDK reports an incomplete sequence only at the end of the input.
    if (result.isError()) {
      return wrong >= in.position();
    }
    return wrong < 0 ? validator.isComplete() == !in.hasRemaining() : in.hasRemaining();
  }
}
