package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.test.FuzzedProtocol;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class VarintPrefixedFuzz {

  private static final FuzzedProtocol<ByteBuf, String> PROTOCOL =
      FuzzedProtocol.ofBuffers(Protocols::varintPrefixed);

  @FuzzTest
  void payloadsAreTheSameBehindTheirShortestLength(byte[] input) {
    PROTOCOL.checkSplits(input);
    PROTOCOL.checkRoundTrip(
        PROTOCOL.checkAllocation(input).messages(),
        Protocols.varintPrefixed(),
        text -> Unpooled.copiedBuffer(text, ISO_8859_1));
  }
}
