package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.test.FuzzedProtocol;
import dev.jev.test.FuzzedProtocol.Outcome;
import io.netty.buffer.ByteBuf;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class BytesFuzz {

  private static final FuzzedProtocol<ByteBuf, String> PROTOCOL =
      FuzzedProtocol.ofBuffers(Protocols::bytes);

  @FuzzTest
  void allBytesComeThroughHoweverTheyAreCut(byte[] input) {
    assertSame(input, PROTOCOL.read(input, () -> input.length));
    assertSame(input, PROTOCOL.checkAllocation(input));
    assertSame(input, PROTOCOL.read(input, () -> 1));
    assertSame(input, PROTOCOL.read(input, FuzzedProtocol.pieces(input)));
  }

  private static void assertSame(byte[] input, Outcome<String> outcome) {
    assertThat(String.join("", outcome.messages())).isEqualTo(new String(input, ISO_8859_1));
    assertThat(outcome.messages()).doesNotContain("");
  }
}
