package dev.jev.codec;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Trees are compared as Jackson prints them, which makes a text of a number beyond a double. */
@Timeout(60)
class JsonLinesFuzz {

  private static final FuzzedProtocol<JsonNode, String> PROTOCOL =
      new FuzzedProtocol<>(Protocols::jsonLines, JsonNode::toString);

  @FuzzTest
  void textsAreTheSameOnceTheyWerePrinted(byte[] input) {
    PROTOCOL.understands(input);
    PROTOCOL.repeats(
        PROTOCOL.inLargeFrames(input).messages(),
        Protocols.jsonLines(),
        text -> JsonMapper.shared().readTree(text));
  }
}
