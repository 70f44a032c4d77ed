package dev.jev.nodes;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * Parses one {@link Command}.
 *
 * <p>The members of an object come in any order, so they are collected first. Unknown ones are
 * skipped. A known one must be there once at most, and belong to the command.
 */
final class CommandParser {

  /** The largest integer that JavaScript can tell from its neighbours, 2^53 - 1. */
  private static final long MAX_ID = (1L << 53) - 1;

  private static final int MAX_ERROR_LENGTH = 200;

  /** The known members, with the commands to which they belong. */
  private static final Map<String, String> COMMANDS =
      Map.of(
          "subscribe", "subscribe",
          "after", "subscribe",
          "unsubscribe", "unsubscribe",
          "publish", "publish",
          "data", "publish",
          "id", "publish",
          "echo", "publish",
          "presence", "presence");

  private final int maxTopics;
  private final Map<String, Object> members = new HashMap<>();

  CommandParser(int maxTopics) {
    this.maxTopics = maxTopics;
  }

  /**
   * Parses a text in UTF-8.
   *
   * @throws IllegalArgumentException if it is not a command
   */
  Command parse(byte[] utf8) {
    try (JsonParser in = Json.parser(utf8)) {
      require(in.nextToken() == JsonToken.START_OBJECT, "message: not an object", "an object");
      for (String name; (name = in.nextName()) != null; ) {
        in.nextToken();
        Object value = value(in, name, utf8);
        boolean isFirst = value == null || members.put(name, value) == null;
        require(isFirst, name + ": twice", "once");
      }
      require(in.nextToken() == null, "message: several values", "one object");
    } catch (JacksonException e) {
      String why = e.getOriginalMessage();
      String excerpt = why.substring(0, Math.min(why.length(), MAX_ERROR_LENGTH));
      throw new IllegalArgumentException("message: not JSON: " + excerpt, e);
    }
    return command();
  }

  /** Returns the value of a member; null if it is unknown. */
  private @Nullable Object value(JsonParser in, String name, byte[] utf8) {
    return switch (name) {
      case "subscribe", "unsubscribe" -> topics(in, name);
      case "publish", "presence" -> topic(in, name);
      case "after" -> positions(in);
      case "data" -> raw(in, utf8);
      case "id" -> id(in);
      case "echo" -> bool(in);
      default -> {
        in.skipChildren();
        yield null;
      }
    };
  }

  private List<String> topics(JsonParser in, String name) {
    require(in.currentToken() == JsonToken.START_ARRAY, name + ": not an array", "topics");
    Set<String> topics = new LinkedHashSet<>();
    while (in.nextToken() != JsonToken.END_ARRAY) {
      require(topics.add(topic(in, name)), name + ": a topic twice", "each topic once");
      require(topics.size() <= maxTopics, name + ": too many topics", "1.." + maxTopics);
    }
    require(!topics.isEmpty(), name + ": no topic", "1.." + maxTopics);
    return new ArrayList<>(topics);
  }

  private static String topic(JsonParser in, String name) {
    require(in.currentToken() == JsonToken.VALUE_STRING, name + ": not a string", "a topic");
    return Checks.topic(in.getString());
  }

  private static Map<String, String> positions(JsonParser in) {
    require(in.currentToken() == JsonToken.START_OBJECT, "after: not an object", "positions");
    Map<String, String> positions = new HashMap<>();
    for (String topic; (topic = in.nextName()) != null; ) {
      boolean isString = in.nextToken() == JsonToken.VALUE_STRING;
      require(isString, "after: not a string", "a position");
      boolean isFirst = positions.put(topic, position(in.getString())) == null;
      require(isFirst, "after: a topic twice", "once");
    }
    return positions;
  }

  /** Returns a text that may be a position. One that is too long is not kept until it is used. */
  private static String position(String text) {
    return text.length() <= Position.MAX_TEXT_LENGTH ? text : "";
  }

  /** Returns the bytes of the current value. */
  private static byte[] raw(JsonParser in, byte[] utf8) {
    int start = (int) in.currentTokenLocation().getByteOffset();
    in.skipChildren();
    in.finishToken();
    return Arrays.copyOfRange(utf8, start, (int) in.currentLocation().getByteOffset());
  }

  private static long id(JsonParser in) {
    boolean isId =
        in.currentToken() == JsonToken.VALUE_NUMBER_INT
            && in.getNumberType() != JsonParser.NumberType.BIG_INTEGER
            && in.getLongValue() >= 0
            && in.getLongValue() <= MAX_ID;
    require(isId, "id: not such an integer", "0.." + MAX_ID);
    return in.getLongValue();
  }

  private static boolean bool(JsonParser in) {
    require(in.currentToken().isBoolean(), "echo: not a boolean", "true or false");
    return in.getBooleanValue();
  }

  private Command command() {
    List<String> names = members.keySet().stream().filter(COMMANDS::containsValue).toList();
    require(
        names.size() == 1,
        "message: " + names.size() + " commands",
        "exactly one of subscribe, unsubscribe, publish and presence");
    String name = names.get(0);
    for (String other : members.keySet()) {
      String owner = COMMANDS.get(other);
      require(name.equals(owner), other + ": with " + name, "with " + owner);
    }
    return switch (name) {
      case "subscribe" -> subscribe(get(name, List.<String>of()));
      case "unsubscribe" -> new Command.Unsubscribe(get(name, List.<String>of()));
      case "publish" -> publish(get(name, ""));
      default -> new Command.Members(get(name, ""));
    };
  }

  private Command subscribe(List<String> topics) {
    Map<String, String> after = get("after", Map.of());
    boolean known = new HashSet<>(topics).containsAll(after.keySet());
    require(known, "after: another topic", "those of subscribe");
    return new Command.Subscribe(topics, after);
  }

  private Command publish(String topic) {
    require(members.containsKey("data"), "data: missing", "a JSON value");
    byte[] data = get("data", new byte[0]);
    return new Command.Publish(topic, data, get("id", -1L), get("echo", true));
  }

  /** Returns the value of a member, of the type of the default. */
  @SuppressWarnings("unchecked") // as value returns them
  private <T> T get(String name, T absent) {
    return (T) members.getOrDefault(name, absent);
  }

  private static void require(boolean condition, String actual, String expected) {
    if (!condition) {
      throw new IllegalArgumentException(actual + " (expected: " + expected + ")");
    }
  }
}
