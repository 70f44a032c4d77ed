package dev.jev.websocket;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.net.URI;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ClientHandshakeFuzz {

  private static final FuzzedWebSocket CLIENT =
      new FuzzedWebSocket(
          WebSocketProtocol.client(URI.create("ws://example.com/ws"))
              .subprotocols("chat", "news")
              .compression()
              .maxMessageBytes(FuzzedWebSocket.MAX_MESSAGE_BYTES)
              .build());

  @FuzzTest
  void responsesAreUnderstoodHoweverTheyAreCut(byte[] input) {
    CLIENT.understands(input);
  }
}
