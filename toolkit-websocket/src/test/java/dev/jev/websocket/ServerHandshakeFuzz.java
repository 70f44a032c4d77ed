package dev.jev.websocket;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.function.Supplier;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ServerHandshakeFuzz {

  private static final Supplier<WebSocketProtocol> PROTOCOLS =
      WebSocketProtocol.server()
          .path("/ws")
          .subprotocols("chat", "news")
          .compression()
          .withoutHeartbeat()
          .maxMessageBytes(FuzzedWebSocket.MAX_MESSAGE_BYTES)
          .build();

  private static final FuzzedWebSocket SERVER = new FuzzedWebSocket(PROTOCOLS);

  @FuzzTest
  void requestsAreAnsweredAlikeHoweverTheyAreCut(byte[] input) {
    SERVER.understands(input);
  }
}
