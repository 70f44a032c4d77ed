package dev.jev.websocket;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An extension in an offer or a response of the extension negotiation (RFC 6455, 9.1).
 *
 * @param name the name of the extension
 * @param parameters all its parameters, in their order
 */
record ExtensionOffer(String name, List<Parameter> parameters) {

  /**
   * A parameter.
   *
   * @param name the name
   * @param value the value as it was sent, quotes included, or null if there is none
   */
  record Parameter(String name, @Nullable String value) {}

  /**
   * Parses the list in all {@code Sec-WebSocket-Extensions} lines.
   *
   * @throws Refusal if the list is malformed
   */
  static List<ExtensionOffer> parse(List<String> lines) {
    List<ExtensionOffer> offers = new ArrayList<>();
    for (String line : lines) {
      new Reader(line).readTo(offers);
    }
    return offers;
  }

  /** Parses one line. It cannot be split: a quoted value may contain commas and semicolons. */
  private static final class Reader {

    private final String line;
    private int next;

    Reader(String line) {
      this.line = line;
    }

    void readTo(List<ExtensionOffer> offers) {
      do {
        String name = token();
        List<Parameter> parameters = new ArrayList<>();
        while (skip(';')) {
          String parameter = token();
          parameters.add(new Parameter(parameter, skip('=') ? value() : null));
        }
        offers.add(new ExtensionOffer(name, parameters));
      } while (skip(','));
      if (next < line.length()) {
        throw malformed();
      }
    }

    private String token() {
      skipBlanks();
      int start = next;
      while (next < line.length() && Tokens.isTokenChar(line.charAt(next))) {
        next++;
      }
      if (next == start) {
        throw malformed();
      }
      return line.substring(start, next);
    }

    /** Reads a token that may be quoted (RFC 9110, 5.6.4); returns it including the quotes. */
    private String value() {
      int start = next;
      if (!skip('"')) {
        return token();
      }
      StringBuilder value = new StringBuilder();
      while (next < line.length() && line.charAt(next) != '"') {
        next += line.charAt(next) == '\\' ? 1 : 0;
        value.append(next < line.length() ? line.charAt(next) : ' ');
        next++;
      }
      if (!skip('"') || !Tokens.isToken(value.toString())) {
        throw malformed();
      }
      return line.substring(start, next);
    }

    /** Skips whitespace and then a character; returns false if the character does not follow. */
    private boolean skip(char c) {
      skipBlanks();
      boolean follows = next < line.length() && line.charAt(next) == c;
      next += follows ? 1 : 0;
      return follows;
    }

    private void skipBlanks() {
      while (next < line.length() && (line.charAt(next) == ' ' || line.charAt(next) == '\t')) {
        next++;
      }
    }

    private Refusal malformed() {
      return Refusal.bad(
          "header Sec-WebSocket-Extensions: malformed at character "
              + next
              + " (expected: RFC 6455, 9.1)");
    }
  }
}
