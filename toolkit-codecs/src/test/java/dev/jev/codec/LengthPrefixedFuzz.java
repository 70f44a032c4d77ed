package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.test.FuzzedProtocol;
import dev.jev.test.FuzzedProtocol.Outcome;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Arrays;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LengthPrefixedFuzz {

  private static final FuzzedProtocol<ByteBuf, String> PROTOCOL =
      FuzzedProtocol.ofBuffers(Protocols::lengthPrefixed);

  @FuzzTest
  void framesArePackedAsTheyCame(byte[] input) {
    PROTOCOL.checkSplits(input);
    Outcome<String> outcome = PROTOCOL.checkAllocation(input);
    byte[] packed =
        PROTOCOL.checkRoundTrip(
            outcome.messages(),
            Protocols.lengthPrefixed(),
            text -> Unpooled.copiedBuffer(text, ISO_8859_1));
    assertThat(packed).isEqualTo(Arrays.copyOf(input, packed.length));
  }
}
