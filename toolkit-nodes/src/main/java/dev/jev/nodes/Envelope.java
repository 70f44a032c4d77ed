package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.joining;

import dev.jev.nodes.ClusterTopic.Beginning;
import dev.jev.websocket.WebSocketMessage;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The messages of the server in {@link TopicSocket}'s subprotocol. Each is one JSON object.
 *
 * <p>They have no memory outside the heap, so that they may be kept without being released. A lone
 * surrogate in a text becomes a question mark.
 */
final class Envelope {

  private Envelope() {}

  /** Returns a message of a topic, for all its subscribers. */
  static WebSocketMessage message(
      String topic, @Nullable Position position, byte[] payload, MessageCodec.Format format) {
    String head = members("topic", topic, "position", position).append(",\"data\":").toString();
    return switch (format) {
      case JSON -> text(head, payload);
      case TEXT -> text(head + quote(new String(payload, UTF_8)) + '}');
      case BINARY -> text(head + '"' + Base64.getEncoder().encodeToString(payload) + "\"}");
    };
  }

  /** Returns the notice that messages are lost for all subscribers of this node. */
  static WebSocketMessage gap(String topic, Position from, Position to) {
    return object("gap", topic, "from", from, "to", to);
  }

  /**
   * Returns the members of a topic.
   *
   * @param more the number of further ones
   */
  static WebSocketMessage roster(
      String topic, long version, List<Presence.Member> members, int more) {
    return object("presence", topic, "version", version, "members", members, "more", more);
  }

  /** Returns a join or leave. */
  static WebSocketMessage change(String topic, long version, Presence.Change change) {
    String name = change.joined() ? "joined" : "left";
    return object("presence", topic, "version", version, name, change.member());
  }

  /** Returns the sign of life that comes every so many seconds. */
  static WebSocketMessage heartbeat(long seconds) {
    return object("heartbeat", seconds);
  }

  /** Returns the beginning of a subscription. */
  static WebSocketMessage subscribed(String topic, Beginning beginning, boolean lost) {
    int replayed = beginning.replayed();
    Position at = beginning.at();
    return object("subscribed", topic, "position", at, "replayed", replayed, "lost", lost);
  }

  /** Returns the end of a subscription. */
  static WebSocketMessage unsubscribed(String topic) {
    return object("unsubscribed", topic);
  }

  /** Returns the failure of a subscription that may be tried again after a time. */
  static WebSocketMessage unsubscribed(String topic, long retryMillis) {
    return object("unsubscribed", topic, "retry", retryMillis);
  }

  /** Returns the refusal of a subscription, of a presence, or of a publication without an id. */
  static WebSocketMessage denied(String topic, String reason) {
    return object("denied", topic, "reason", reason);
  }

  /** Returns the success of a publication. */
  static WebSocketMessage published(long id, @Nullable Position position) {
    return object("published", id, "position", position);
  }

  /** Returns the failure of a publication. */
  static WebSocketMessage failed(long id, String outcome, String reason) {
    return object("failed", id, "outcome", outcome, "reason", reason);
  }

  /** Returns the request to reconnect after a time, because the server is about to close. */
  static String reconnect(long afterMillis) {
    return "{\"reconnect\":{\"after\":" + afterMillis + "}}";
  }

  /** Returns the description of a fault, after which the connection closes. */
  static WebSocketMessage error(String description) {
    return object("error", description);
  }

  /** Returns an object with these names and values, each after the other. */
  private static WebSocketMessage object(@Nullable Object... members) {
    return text(members(members).append('}').toString());
  }

  /** Returns the beginning of an object, without the members whose value is null. */
  private static StringBuilder members(@Nullable Object... members) {
    StringBuilder json = new StringBuilder();
    for (int i = 0; i < members.length; i += 2) {
      Object value = members[i + 1];
      if (value != null) {
        json.append(i == 0 ? "{\"" : ",\"").append(members[i]).append("\":").append(json(value));
      }
    }
    return json;
  }

  private static String json(Object value) {
    if (value instanceof String || value instanceof Position) {
      return quote(value.toString());
    } else if (value instanceof Presence.Member member) {
      return members("id", member.id(), "info", member.info()).append('}').toString();
    } else if (value instanceof List<?> list) {
      return list.stream().map(Envelope::json).collect(joining(",", "[", "]"));
    }
    return value.toString();
  }

  private static WebSocketMessage text(String json) {
    return WebSocketMessage.text(Unpooled.wrappedBuffer(json.getBytes(UTF_8)));
  }

  private static WebSocketMessage text(String head, byte[] json) {
    byte[] utf8 = head.getBytes(UTF_8);
    ByteBuf out = Unpooled.buffer(utf8.length + json.length + 1);
    return WebSocketMessage.text(out.writeBytes(utf8).writeBytes(json).writeByte('}'));
  }

  /** Returns a string of JSON (RFC 8259, 7). */
  private static String quote(String text) {
    StringBuilder quoted = new StringBuilder(text.length() + 16).append('"');
    int from = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c < ' ' || c == '"' || c == '\\') {
        quoted.append(text, from, i);
        quoted.append(c < ' ' ? String.format("\\u%04x", (int) c) : "\\" + c);
        from = i + 1;
      }
    }
    return quoted.append(text, from, text.length()).append('"').toString();
  }
}
