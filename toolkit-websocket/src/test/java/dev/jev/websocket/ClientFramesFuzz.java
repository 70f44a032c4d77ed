package dev.jev.websocket;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ClientFramesFuzz {

  private static final PermessageDeflate AGREED =
      new PermessageDeflate(
          WebSocketCompression.DEFAULT,
          /* ownTakeover= */ true,
          PermessageDeflate.UNSPECIFIED,
          /* peerTakeover= */ true,
          PermessageDeflate.UNSPECIFIED);

  private static final FuzzedWebSocket PLAIN = client(null, /* streaming= */ false);
  private static final FuzzedWebSocket COMPRESSED = client(AGREED, /* streaming= */ false);
  private static final FuzzedWebSocket PARTS = client(AGREED, /* streaming= */ true);

  private static FuzzedWebSocket client(@Nullable PermessageDeflate agreed, boolean streaming) {
    return FuzzedWebSocket.opened(Role.CLIENT, agreed, ControlPolicy.CLIENT, streaming);
  }

  @FuzzTest
  void messagesAndAnswersDoNotDependOnHowFramesAreCut(byte[] input) {
    PLAIN.understands(input);
    PARTS.understandsParts(input, COMPRESSED.understands(input));
  }
}
