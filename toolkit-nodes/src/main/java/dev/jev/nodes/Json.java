package dev.jev.nodes;

import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/** JSON texts. */
final class Json {

  static final JsonFactory FACTORY = new JsonFactory();

  private Json() {}

  /**
   * Checks that these bytes are one JSON value in UTF-8.
   *
   * @throws IllegalArgumentException if they are not
   */
  static void requireValid(byte[] bytes) {
    TextCodec.strictText(bytes); // the parser accepts some ill-formed sequences
    try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), bytes)) {
      JsonToken first = parser.nextToken();
      if (first == null) {
        throw new IllegalArgumentException("message: blank (expected: a JSON value)");
      }
      parser.skipChildren();
      parser.finishToken();
      if (parser.nextToken() != null) {
        throw new IllegalArgumentException("message: several values (expected: one JSON value)");
      }
    } catch (JacksonException e) {
      throw new IllegalArgumentException(
          "message: not JSON: " + e.getOriginalMessage() + " (expected: a JSON value)", e);
    }
  }
}
