package dev.jev.nodes;

import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/** JSON texts. */
final class Json {

  private static final JsonFactory FACTORY = new JsonFactory();
  private static final int DETECTION_BYTES = 4;

  private Json() {}

  /**
   * Returns a parser of JSON in UTF-8, which must be well-formed. Jackson would detect other
   * encodings by a byte order mark or by the zeros among the first bytes.
   *
   * @throws IllegalArgumentException if the bytes are of another encoding
   */
  static JsonParser parser(byte[] utf8) {
    for (int i = 0; i < Math.min(utf8.length, DETECTION_BYTES); i++) {
      if (utf8[i] == 0 || utf8[0] < 0) {
        throw new IllegalArgumentException(
            "message: does not begin with JSON in UTF-8 (expected: a JSON value)");
      }
    }
    return FACTORY.createParser(ObjectReadContext.empty(), utf8);
  }

  /**
   * Checks that these bytes are one JSON value in UTF-8.
   *
   * @throws IllegalArgumentException if they are not
   */
  static void requireValid(byte[] bytes) {
    TextCodec.strictText(bytes); // the parser accepts some ill-formed sequences
    try (JsonParser parser = parser(bytes)) {
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
