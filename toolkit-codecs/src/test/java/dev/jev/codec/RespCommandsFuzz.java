package dev.jev.codec;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.codec.FuzzedProtocol.Outcome;
import java.util.function.Function;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class RespCommandsFuzz {

  private static final FuzzedProtocol<RespCommand, RespCommand> PROTOCOL =
      new FuzzedProtocol<>(Protocols::resp, Function.identity());

  @FuzzTest
  void commandsAreTheSameAsAClientSendsThem(byte[] input) {
    Outcome<RespCommand> outcome = PROTOCOL.understands(input);
    assertThat(outcome.written().startsWith("-ERR Protocol error: "))
        .as("a refusal is answered")
        .isEqualTo(outcome.refused());
    PROTOCOL.repeats(
        PROTOCOL.inLargeFrames(input).messages(), Protocols.respClient(), Function.identity());
  }
}
