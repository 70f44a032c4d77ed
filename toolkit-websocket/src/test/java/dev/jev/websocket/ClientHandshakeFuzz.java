package dev.jev.websocket;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.List;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ClientHandshakeFuzz {

  private static final List<String> SUBPROTOCOLS = List.of("chat", "news");
  private static final ClientRequest REQUEST =
      new ClientRequest(
          "/ws",
          "example.com",
          /* secure= */ false,
          HttpFields.NONE.with(HttpResponse.SUBPROTOCOL, String.join(", ", SUBPROTOCOLS)),
          SUBPROTOCOLS,
          WebSocketCompression.DEFAULT);

  static final FuzzedWebSocket CLIENT =
      FuzzedWebSocket.opening(Role.CLIENT, () -> new ClientOpening(REQUEST, HttpPeer.KEY));

  @FuzzTest
  void responsesAreUnderstoodHoweverTheyAreCut(byte[] input) {
    CLIENT.understands(input);
  }
}
