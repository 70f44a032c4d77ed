package dev.jev.codec;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.test.FuzzedProtocol;
import java.util.function.Function;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class RespRepliesFuzz {

  private static final FuzzedProtocol<RespValue, RespValue> PROTOCOL =
      new FuzzedProtocol<>(Protocols::respClient, Function.identity());

  @FuzzTest
  void valuesAreTheSameAsAServerSendsThem(byte[] input) {
    PROTOCOL.checkSplits(input);
    PROTOCOL.checkRoundTrip(
        PROTOCOL.checkAllocation(input).messages(), Protocols.resp(), Function.identity());
  }
}
