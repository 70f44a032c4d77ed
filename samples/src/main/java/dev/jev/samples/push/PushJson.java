package dev.jev.samples.push;

import dev.jev.websocket.WebSocketMessage;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The JSON of the messages between {@link Push} and its page.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
final class PushJson {

  private final JsonMapper mapper =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
          .build();

  /** Loads the classes that the first round trip would otherwise wait for. */
  void warmUp() {
    WebSocketMessage ping = WebSocketMessage.text("{\"type\":\"ping\",\"number\":0}");
    if (request(ping) instanceof PushRequest.Ping request) {
      message(new PushEvent.Pong(request.number()));
    }
  }

  /** Returns the request of a page, or null if the message is not one. */
  @Nullable PushRequest request(WebSocketMessage message) {
    if (!(message instanceof WebSocketMessage.Text text)) {
      return null;
    }
    try {
      return mapper.readValue(text.text(), PushRequest.class);
    } catch (JacksonException e) {
      return null;
    }
  }

  String text(PushEvent event) {
    return mapper.writeValueAsString(event);
  }

  WebSocketMessage message(PushEvent event) {
    return WebSocketMessage.text(text(event));
  }

  // The conflation keys: a newer message replaces a queued one with an equal key.

  /** Returns the type of an event. */
  Object type(WebSocketMessage message) {
    return field(message, "type");
  }

  /** Returns the id of the visitor to whom a cursor belongs. */
  Object visitor(WebSocketMessage message) {
    return field(message, "id");
  }

  /** Returns the first field of this name, also of an inner object. Called for queued messages. */
  private Object field(WebSocketMessage message, String name) {
    JsonNode field =
        message instanceof WebSocketMessage.Text text
            ? mapper.readTree(text.text()).findValue(name)
            : null;
    return field == null ? message : field;
  }
}
