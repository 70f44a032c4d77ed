package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class MaskingTest {

  @Test
  void eachByteIsXoredWithItsByteOfTheKey() {
    Random random = new Random(1);
    for (int length = 0; length < 100; length++) {
      for (int offset = 0; offset < 9; offset++) {
        byte[] payload = new byte[length + 20];
        random.nextBytes(payload);
        int key = random.nextInt();
        for (ByteBuf bytes : List.of(Unpooled.copiedBuffer(payload), composite(payload))) {
          Masking.apply(bytes, 7, 7 + length, key, offset);
          for (int i = 0; i < payload.length; i++) {
            int mask = i < 7 || i >= 7 + length ? 0 : key >>> (24 - 8 * ((i - 7 + offset) % 4));
            assertThat(bytes.getByte(i)).as("byte %d", i).isEqualTo((byte) (payload[i] ^ mask));
          }
        }
      }
    }
  }

  private static ByteBuf composite(byte[] payload) {
    return Unpooled.wrappedBuffer(
        Unpooled.copiedBuffer(payload, 0, 9),
        Unpooled.copiedBuffer(payload, 9, payload.length - 9));
  }

  @Test
  void returnsWhetherAllBytesAreAscii() {
    for (int length = 0; length < 40; length++) {
      for (int strange = -1; strange < length; strange++) {
        byte[] payload = new byte[length + 20];
        Arrays.fill(payload, (byte) 0xff);
        Arrays.fill(payload, 7, 7 + length, (byte) 0x7f);
        if (strange >= 0) {
          payload[7 + strange] = (byte) 0x80;
        }
        for (ByteBuf bytes : List.of(Unpooled.copiedBuffer(payload), composite(payload))) {
          Masking.apply(bytes, 7, 7 + length, 0xa1b2c3d4, 0);
          assertThat(Masking.apply(bytes, 7, 7 + length, 0xa1b2c3d4, 0)).isEqualTo(strange < 0);
        }
      }
    }
  }

  @Test
  void exampleOfTheStandardIsHello() { // RFC 6455, 5.7
    ByteBuf bytes = Unpooled.wrappedBuffer(new byte[] {0x7f, (byte) 0x9f, 0x4d, 0x51, 0x58});
    Masking.apply(bytes, 0, 5, 0x37fa213d, 0);
    assertThat(bytes.toString(java.nio.charset.StandardCharsets.US_ASCII)).isEqualTo("Hello");
  }
}
