package dev.jev.redis;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads JSON, without the help of the code that has written it. */
final class ParsedJson {

  private final String text;
  private int at;

  private ParsedJson(String text) {
    this.text = text;
  }

  /** Returns the members of an object: maps, lists, texts, numbers, booleans or null. */
  @SuppressWarnings("unchecked")
  static Map<String, @Nullable Object> object(String text) {
    ParsedJson parser = new ParsedJson(text);
    Object value = parser.value();
    parser.skipSpace();
    if (parser.at != text.length() || !(value instanceof Map<?, ?>)) {
      throw new IllegalArgumentException(text);
    }
    return (Map<String, @Nullable Object>) value;
  }

  private void skipSpace() {
    while (at < text.length() && text.charAt(at) <= ' ') {
      at++;
    }
  }

  private char peek() {
    skipSpace();
    return text.charAt(at);
  }

  private boolean skip(char c) {
    boolean found = peek() == c;
    at += found ? 1 : 0;
    return found;
  }

  private void expect(char c) {
    if (!skip(c)) {
      throw new IllegalArgumentException(text);
    }
  }

  private @Nullable Object value() {
    return switch (peek()) {
      case '{' -> members();
      case '[' -> elements();
      case '"' -> string();
      default -> literal();
    };
  }

  private Map<String, @Nullable Object> members() {
    Map<String, @Nullable Object> members = new LinkedHashMap<>();
    expect('{');
    while (!skip('}')) {
      if (!members.isEmpty()) {
        expect(',');
        skipSpace();
      }
      String name = string();
      expect(':');
      members.put(name, value());
    }
    return members;
  }

  private List<@Nullable Object> elements() {
    List<@Nullable Object> elements = new ArrayList<>();
    expect('[');
    while (!skip(']')) {
      if (!elements.isEmpty()) {
        expect(',');
      }
      elements.add(value());
    }
    return elements;
  }

  private String string() {
    StringBuilder string = new StringBuilder();
    expect('"');
    for (char c; (c = text.charAt(at++)) != '"'; ) {
      string.append(c == '\\' ? escaped() : c);
    }
    return string.toString();
  }

  private char escaped() {
    char c = text.charAt(at++);
    return switch (c) {
      case 'b' -> '\b';
      case 'f' -> '\f';
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'u' -> hex();
      default -> c;
    };
  }

  private char hex() {
    at += 4;
    return (char) Integer.parseInt(text.substring(at - 4, at), 16);
  }

  private @Nullable Object literal() {
    int start = at;
    while (at < text.length() && ",]} \n".indexOf(text.charAt(at)) < 0) {
      at++;
    }
    String literal = text.substring(start, at);
    return switch (literal) {
      case "null" -> null;
      case "true" -> true;
      case "false" -> false;
      default -> Double.valueOf(literal);
    };
  }
}
