package dev.jev.codec;

import static java.nio.charset.StandardCharsets.UTF_16BE;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.Protocol;
import dev.jev.test.FuzzedProtocol;
import java.util.Arrays;
import java.util.function.Function;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class StringsFuzz {

  private static final FuzzedProtocol<String, String> PROTOCOL =
      new FuzzedProtocol<>(StringsFuzz::protocol, Function.identity());

  @FuzzTest
  void textsOfOneLengthArePackedAsTheyCame(byte[] input) {
    PROTOCOL.checkSplits(input);
    byte[] packed =
        PROTOCOL.checkRoundTrip(
            PROTOCOL.checkAllocation(input).messages(), protocol(), Function.<String>identity());
    assertThat(packed).isEqualTo(Arrays.copyOf(input, packed.length));
  }

  private static Protocol<String, String> protocol() {
    return Protocols.strings(Protocols.fixedLength(6), UTF_16BE);
  }
}
