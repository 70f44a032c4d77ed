package dev.jev.websocket;

import io.netty.handler.codec.http.HttpHeaders;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The header lines of a message, as one string. Every WebSocket keeps the header lines of its
 * handshake, and a single string needs the least memory.
 */
final class HttpFields {

  static final HttpFields NONE = new HttpFields("");

  private static final List<String> HANDSHAKE =
      List.of(
          "Connection",
          "Upgrade",
          "Sec-WebSocket-Key",
          "Sec-WebSocket-Version",
          "Sec-WebSocket-Extensions");

  private final String lines; // each as "name:value\n"

  private HttpFields(String lines) {
    this.lines = lines;
  }

  static HttpFields of(HttpHeaders headers) {
    StringBuilder lines = new StringBuilder();
    Iterator<Map.Entry<CharSequence, CharSequence>> all = headers.iteratorCharSequence();
    while (all.hasNext()) {
      Map.Entry<CharSequence, CharSequence> field = all.next();
      String value = Tokens.strip(field.getValue().toString());
      lines.append(field.getKey()).append(':').append(value).append('\n');
    }
    return new HttpFields(lines.toString());
  }

  /** Returns a copy with one more line. */
  HttpFields with(String name, String value) {
    return new HttpFields(lines + name + ':' + value + '\n');
  }

  /** Returns a copy without the lines of the handshake (RFC 6455, 4.1), except subprotocols. */
  HttpFields withoutHandshake() {
    StringBuilder others = new StringBuilder(lines.length());
    for (int line = 0; line < lines.length(); line = end(line) + 1) {
      int start = line;
      if (HANDSHAKE.stream().noneMatch(name -> isNamed(start, name))) {
        others.append(lines, line, end(line) + 1);
      }
    }
    return new HttpFields(others.toString());
  }

  /**
   * Checks a header line that the application adds.
   *
   * @throws IllegalArgumentException if the line cannot be sent or its name is reserved
   */
  static void check(String name, String value) {
    if (!Tokens.isToken(name)) {
      throw new IllegalArgumentException("header name: " + name + " (expected: a token)");
    }
    if (isReserved(name)) {
      throw new IllegalArgumentException("header " + name + ": set (expected: left to Jev)");
    }
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      if ((c < 0x20 || c >= 0x7f) && c != '\t') {
        throw new IllegalArgumentException(
            String.format(
                "header %s: U+%04X at index %d (expected: ASCII text)", name, (int) c, i));
      }
    }
  }

  /** Returns whether a header belongs to message framing or to the handshake. */
  private static boolean isReserved(String name) {
    return name.regionMatches(/* ignoreCase= */ true, 0, "Sec-WebSocket-", 0, 14)
        || List.of("connection", "upgrade", "content-length", "transfer-encoding", "host", "date")
            .stream()
            .anyMatch(name::equalsIgnoreCase);
  }

  /** Returns the first value with a name, ignoring case, or null. */
  @Nullable String first(String name) {
    for (int line = 0; line < lines.length(); line = end(line) + 1) {
      if (isNamed(line, name)) {
        return lines.substring(line + name.length() + 1, end(line));
      }
    }
    return null;
  }

  /** Returns all values with a name, ignoring case. */
  List<String> all(String name) {
    List<String> values = new ArrayList<>();
    for (int line = 0; line < lines.length(); line = end(line) + 1) {
      if (isNamed(line, name)) {
        values.add(lines.substring(line + name.length() + 1, end(line)));
      }
    }
    return values;
  }

  /** Returns all lines in their order. */
  List<Map.Entry<String, String>> all() {
    List<Map.Entry<String, String>> all = new ArrayList<>();
    for (int line = 0; line < lines.length(); line = end(line) + 1) {
      int colon = lines.indexOf(':', line);
      all.add(Map.entry(lines.substring(line, colon), lines.substring(colon + 1, end(line))));
    }
    return all;
  }

  /** Appends the lines in the form in which they are sent. */
  void appendTo(StringBuilder head) {
    for (Map.Entry<String, String> field : all()) {
      head.append(field.getKey()).append(": ").append(field.getValue()).append("\r\n");
    }
  }

  private boolean isNamed(int line, String name) {
    int colon = line + name.length();
    return lines.regionMatches(/* ignoreCase= */ true, line, name, 0, name.length())
        && colon < lines.length()
        && lines.charAt(colon) == ':';
  }

  private int end(int line) {
    return lines.indexOf('\n', line);
  }
}
