package dev.jev.codec;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.jev.test.FuzzedProtocol;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * JSON texts as trees. They are compared in Jackson's text form, which represents a number beyond a
 * double as a string.
 */
@Timeout(60)
class JsonLinesFuzz {

  private static final FuzzedProtocol<JsonNode, String> PROTOCOL =
      new FuzzedProtocol<>(Protocols::jsonLines, JsonNode::toString);

  @FuzzTest
  void textsAreTheSameOnceTheyWerePrinted(byte[] input) {
    PROTOCOL.checkSplits(input);
    PROTOCOL.checkRoundTrip(
        PROTOCOL.checkAllocation(input).messages(),
        Protocols.jsonLines(),
        text -> JsonMapper.shared().readTree(text));
  }
}
