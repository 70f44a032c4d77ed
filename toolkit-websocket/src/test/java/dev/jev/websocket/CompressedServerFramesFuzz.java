package dev.jev.websocket;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class CompressedServerFramesFuzz {

  private static final List<PermessageDeflate> AGREED =
      Stream.of(false, true)
          .map(
              takeover ->
                  new PermessageDeflate(
                      WebSocketCompression.DEFAULT,
                      takeover,
                      PermessageDeflate.UNSPECIFIED,
                      takeover,
                      PermessageDeflate.UNSPECIFIED))
          .toList();

  @FuzzTest
  void messagesDoNotDependOnHowFramesAreCut(byte[] input) {
    for (PermessageDeflate agreed : AGREED) {
      FuzzedWebSocket.Outcome whole = server(agreed, /* streaming= */ false).understands(input);
      server(agreed, /* streaming= */ true).understandsParts(input, whole);
    }
  }

  private static FuzzedWebSocket server(PermessageDeflate agreed, boolean streaming) {
    return FuzzedWebSocket.opened(Role.SERVER, agreed, ControlPolicy.CLIENT, streaming);
  }
}
