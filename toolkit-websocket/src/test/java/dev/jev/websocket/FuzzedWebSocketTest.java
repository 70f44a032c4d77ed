package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.websocket.FuzzedWebSocket.Outcome;
import java.io.IOException;
import java.io.InputStream;
import org.junit.jupiter.api.Test;

/** Tests that the inputs of fuzz targets get as far as they are meant to. */
class FuzzedWebSocketTest {

  private static Outcome outcome(FuzzedWebSocket webSocket, Class<?> target, String input)
      throws IOException {
    try (InputStream in = target.getResourceAsStream(target.getSimpleName() + "Inputs/" + input)) {
      return webSocket.understands(in.readAllBytes());
    }
  }

  @Test
  void acceptedResponseIsFollowedByFrames() throws Exception {
    Outcome outcome =
        outcome(ClientHandshakeFuzz.CLIENT, ClientHandshakeFuzz.class, "accepted-and-frames");
    assertThat(outcome.events()).containsExactly("text Hello", "close 03e8");
    assertThat(outcome.offence()).isNull();
  }

  @Test
  void agreedCompressionIsUsed() throws Exception {
    Outcome outcome =
        outcome(ClientHandshakeFuzz.CLIENT, ClientHandshakeFuzz.class, "compression-and-frames");
    assertThat(outcome.events()).containsExactly("text Hello");
    assertThat(outcome.offence()).isNull();
  }
}
