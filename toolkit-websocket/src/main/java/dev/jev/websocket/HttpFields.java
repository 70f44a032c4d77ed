package dev.jev.websocket;

import io.netty.handler.codec.http.HttpHeaders;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The header lines of a message. Every WebSocket keeps those of its handshake, without what belongs
 * to the handshake itself. Lines that many clients send alike are then kept once.
 */
final class HttpFields {

  static final HttpFields NONE = new HttpFields(List.of());

  private static final Set<String> HANDSHAKE =
      names(
          "Connection",
          "Upgrade",
          "Sec-WebSocket-Key",
          "Sec-WebSocket-Version",
          "Sec-WebSocket-Extensions");

  /** Names of lines that depend on the program and the page, not on the user. */
  private static final Set<String> SHARED =
      names(
          "Host",
          "Origin",
          "User-Agent",
          "Accept",
          "Accept-Encoding",
          "Accept-Language",
          "Cache-Control",
          "Pragma",
          "DNT",
          "Sec-GPC",
          "Sec-Fetch-Dest",
          "Sec-Fetch-Mode",
          "Sec-Fetch-Site",
          "Sec-WebSocket-Extensions",
          "X-Forwarded-Proto");

  private final String[] lines; // name, value, name, value

  private HttpFields(List<String> lines) {
    this.lines = lines.toArray(String[]::new);
  }

  static HttpFields of(HttpHeaders headers) {
    List<String> lines = new ArrayList<>();
    Iterator<Map.Entry<CharSequence, CharSequence>> all = headers.iteratorCharSequence();
    while (all.hasNext()) {
      Map.Entry<CharSequence, CharSequence> field = all.next();
      lines.add(field.getKey().toString());
      lines.add(Tokens.strip(field.getValue().toString()));
    }
    return new HttpFields(lines);
  }

  private static Set<String> names(String... names) {
    Set<String> set = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
    set.addAll(List.of(names));
    return set;
  }

  /** Returns a copy with one more line. */
  HttpFields with(String name, String value) {
    List<String> more = new ArrayList<>(List.of(lines));
    more.add(name);
    more.add(value);
    return new HttpFields(more);
  }

  /** Returns a copy without the lines of the handshake (RFC 6455, 4.1), except subprotocols. */
  HttpFields withoutHandshake() {
    List<String> others = new ArrayList<>();
    for (int i = 0; i < lines.length; i += 2) {
      if (!HANDSHAKE.contains(lines[i])) {
        others.add(lines[i]);
        others.add(lines[i + 1]);
      }
    }
    return new HttpFields(others);
  }

  /** Returns a copy that shares lines with other messages. The JVM refers to them weakly. */
  HttpFields shared() {
    List<String> shared = new ArrayList<>(List.of(lines));
    for (int i = 0; i < lines.length; i += 2) {
      if (SHARED.contains(lines[i])) {
        shared.set(i, lines[i].intern());
        shared.set(i + 1, lines[i + 1].intern());
      }
    }
    return new HttpFields(shared);
  }

  /** Returns the number of lines. */
  int count() {
    return lines.length / 2;
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
    for (int i = 0; i < lines.length; i += 2) {
      if (lines[i].equalsIgnoreCase(name)) {
        return lines[i + 1];
      }
    }
    return null;
  }

  /** Returns all values with a name, ignoring case. */
  List<String> all(String name) {
    List<String> values = new ArrayList<>();
    for (int i = 0; i < lines.length; i += 2) {
      if (lines[i].equalsIgnoreCase(name)) {
        values.add(lines[i + 1]);
      }
    }
    return values;
  }

  /** Returns all lines in their order. */
  List<Map.Entry<String, String>> all() {
    List<Map.Entry<String, String>> all = new ArrayList<>();
    for (int i = 0; i < lines.length; i += 2) {
      all.add(Map.entry(lines[i], lines[i + 1]));
    }
    return all;
  }

  /** Appends the lines in the form in which they are sent. */
  void appendTo(StringBuilder head) {
    for (int i = 0; i < lines.length; i += 2) {
      head.append(lines[i]).append(": ").append(lines[i + 1]).append("\r\n");
    }
  }
}
