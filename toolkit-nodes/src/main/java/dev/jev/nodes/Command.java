package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;

/** A command of a client in {@link TopicSocket}'s subprotocol. */
sealed interface Command {

  /**
   * Parses a text.
   *
   * @param utf8 the text, which is well-formed
   * @param maxTopics the maximum number of topics of a command
   * @throws IllegalArgumentException if it is not a command
   */
  static Command parse(byte[] utf8, int maxTopics) {
    return new CommandParser(maxTopics).parse(utf8);
  }

  /**
   * Subscribes to topics.
   *
   * @param after the positions at which topics resume
   */
  record Subscribe(List<String> topics, Map<String, String> after) implements Command {}

  /** Unsubscribes from topics. */
  record Unsubscribe(List<String> topics) implements Command {}

  /** Asks for the members of a topic. */
  record Members(String topic) implements Command {}

  /**
   * Publishes a message.
   *
   * @param data the JSON value
   * @param id the number for the answer; -1 if there shall be none
   * @param echo whether the connection gets the message itself
   */
  @SuppressWarnings("ArrayRecordComponent") // is not compared
  record Publish(String topic, byte[] data, long id, boolean echo) implements Command {

    /**
     * Returns the bytes of the message.
     *
     * @throws IllegalArgumentException if the JSON value does not fit the format
     */
    byte[] payload(MessageCodec.Format format) {
      return switch (format) {
        case JSON -> data;
        case TEXT -> text(data);
        case BINARY -> decodeBase64(text(data));
      };
    }

    private static byte[] decodeBase64(byte[] text) {
      try {
        return Base64.getDecoder().decode(text);
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException("data: not base64 (expected: a string in base64)", e);
      }
    }

    /** Returns the content of a string in UTF-8. */
    private static byte[] text(byte[] json) {
      if (json[0] != '"') {
        throw new IllegalArgumentException("data: not a string (expected: a string)");
      }
      for (byte b : json) {
        if (b == '\\') {
          return unescape(json);
        }
      }
      return Arrays.copyOfRange(json, 1, json.length - 1);
    }

    private static byte[] unescape(byte[] json) {
      try (JsonParser parser = Json.parser(json)) {
        parser.nextToken();
        return TextCodec.strictBytes("data", parser.getString());
      } catch (JacksonException e) {
        throw new AssertionError(new String(json, UTF_8), e); // it has been parsed before
      }
    }
  }
}
