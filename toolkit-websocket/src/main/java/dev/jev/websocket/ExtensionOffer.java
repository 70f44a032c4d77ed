package dev.jev.websocket;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An extension as one side names it (RFC 6455, 9.1).
 *
 * @param name which one
 * @param parameters what belongs to it, in the order given, none left out
 */
record ExtensionOffer(String name, List<Parameter> parameters) {

  /**
   * A parameter.
   *
   * @param value as it was written, perhaps in quotes, or null if there is none
   */
  record Parameter(String name, @Nullable String value) {}

  /**
   * Reads the list of all {@code Sec-WebSocket-Extensions} lines.
   *
   * @throws Refusal if it is malformed
   */
  static List<ExtensionOffer> parse(List<String> lines) {
    List<ExtensionOffer> offers = new ArrayList<>();
    for (String line : lines) {
      new Reader(line).readTo(offers);
    }
    return offers;
  }

  /** Reads one line; in quotes there may be a comma or a semicolon, so it cannot be split. */
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

    /** A token, which may stand in quotes (RFC 9110, 5.6.4), and is returned with them. */
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

    /** Takes a character and the blanks before it, if it is there. */
    private boolean skip(char c) {
      skipBlanks();
      boolean isThere = next < line.length() && line.charAt(next) == c;
      next += isThere ? 1 : 0;
      return isThere;
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
