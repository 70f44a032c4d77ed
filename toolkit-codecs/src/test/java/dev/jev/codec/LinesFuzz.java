package dev.jev.codec;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.test.FuzzedProtocol;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class LinesFuzz {

  private static final FuzzedProtocol<String, String> PROTOCOL =
      new FuzzedProtocol<>(Protocols::lines, Function.identity());

  @FuzzTest
  void linesAreTheSameAfterHavingBeenPacked(byte[] input) {
    PROTOCOL.checkSplits(input);
    List<String> lines = PROTOCOL.checkAllocation(input).messages();
    PROTOCOL.checkRoundTrip(
        lines.stream().filter(line -> !line.endsWith("\r")).toList(),
        Protocols.lines(),
        Function.<String>identity());
  }
}
