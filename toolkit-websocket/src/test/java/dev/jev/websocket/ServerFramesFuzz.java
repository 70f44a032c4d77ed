package dev.jev.websocket;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ServerFramesFuzz {

  private static final FuzzedWebSocket WHOLE =
      FuzzedWebSocket.opened(
          Role.SERVER, null, ControlPolicy.CLIENT.delivering(), /* streaming= */ false);
  private static final FuzzedWebSocket PARTS =
      FuzzedWebSocket.opened(
          Role.SERVER, null, ControlPolicy.CLIENT.delivering(), /* streaming= */ true);

  @FuzzTest
  void messagesAndAnswersDoNotDependOnHowFramesAreCut(byte[] input) {
    PARTS.understandsParts(input, WHOLE.understands(input));
  }
}
