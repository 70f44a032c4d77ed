package dev.jev.codec;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.test.FuzzedProtocol;
import dev.jev.test.FuzzedProtocol.Outcome;
import java.util.function.Function;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class RespCommandsFuzz {

  private static final FuzzedProtocol<RespCommand, RespCommand> PROTOCOL =
      new FuzzedProtocol<>(Protocols::resp, Function.identity());

  @FuzzTest
  void commandsAreTheSameAsAClientSendsThem(byte[] input) {
    Outcome<RespCommand> outcome = PROTOCOL.checkSplits(input);
    assertThat(outcome.written().startsWith("-ERR Protocol error: "))
        .as("a refusal is answered")
        .isEqualTo(outcome.refused());
    PROTOCOL.checkRoundTrip(
        PROTOCOL.checkAllocation(input).messages(), Protocols.respClient(), Function.identity());
  }
}
