package dev.jev.codec;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ByteSearchTest {

  private static final int ROUNDS = 20_000;
  private static final int MAX_BYTES = 200;

  @Test
  void findsTheFirstOneWithinTheRange() {
    long seed = System.nanoTime();
    System.out.println("findsTheFirstOneWithinTheRange seed: " + seed);
    Random random = new Random(seed);
    int found = 0;
    for (int round = 0; round < ROUNDS; round++) {
      byte[] bytes = new byte[random.nextInt(MAX_BYTES)];
      random.nextBytes(bytes);
      int from = random.nextInt(bytes.length + 1);
      int to = from + random.nextInt(bytes.length - from + 1);
      byte value = (byte) random.nextInt();
      ByteBuf in = Unpooled.wrappedBuffer(bytes);
      int expected = firstIndexOf(bytes, from, to, value);
      assertThat(ByteSearch.indexOf(in, from, to, value)).isEqualTo(expected);
      found += expected < 0 ? 0 : 1;
    }
    assertThat(found).isBetween(ROUNDS / 20, ROUNDS / 2);
  }

  private static int firstIndexOf(byte[] bytes, int from, int to, byte value) {
    for (int i = from; i < to; i++) {
      if (bytes[i] == value) {
        return i;
      }
    }
    return -1;
  }
}
