package dev.jev.websocket;

import dev.jev.plugin.TlsSession;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Which pages may open a WebSocket (RFC 6455, 10.2; RFC 6454).
 *
 * @param kind whom it lets in of those that name their origin
 * @param origins the ones in the list, in lower case and without default ports
 * @param required whether who names none stays out
 */
record OriginPolicy(Kind kind, Set<String> origins, boolean required) {

  enum Kind {
    SAME,
    LISTED,
    ANY
  }

  static final OriginPolicy DEFAULT = new OriginPolicy(Kind.SAME, Set.of(), /* required= */ false);

  private static final Pattern ORIGIN =
      Pattern.compile(
          "([a-z][a-z0-9+.-]*)://([a-z0-9._~!$&'()*+,;=%-]+|\\[[0-9a-f:.]+])(:[0-9]+)?");

  void check(HttpRequest request) {
    List<String> lines = request.headers("Origin");
    if (lines.size() > 1) {
      throw Refusal.bad("header Origin: " + lines.size() + " lines (expected: at most 1)");
    }
    if (lines.isEmpty()) {
      if (required) {
        throw new Refusal(403, "header Origin: none (expected: one)");
      }
      return;
    }
    if (!admits(request, lines.get(0))) {
      String shown = Refusal.shown(lines.get(0));
      throw new Refusal(403, "header Origin: " + shown + " (expected: one that is allowed)");
    }
  }

  private boolean admits(HttpRequest request, String line) {
    if (kind == Kind.ANY) {
      return true;
    }
    String origin = normalized(line);
    return origin != null
        && (kind == Kind.LISTED ? origins.contains(origin) : same(request, origin));
  }

  /**
   * Whether a page comes from the very server.
   *
   * <p>Over TLS its scheme must be https. Without it may be either, since a proxy may have taken
   * the TLS off; what such a proxy says about itself is not believed.
   */
  private static boolean same(HttpRequest request, String origin) {
    String host = request.host();
    boolean isTls = request.attribute(TlsSession.class) != null;
    return host != null
        && (origin.equals(normalized("https://" + host))
            || (!isTls && origin.equals(normalized("http://" + host))));
  }

  /** An origin in lower case and without its scheme's default port, or null if it is none. */
  static @Nullable String normalized(String origin) {
    String lower = origin.toLowerCase(Locale.ROOT);
    if (lower.equals("null")) { // RFC 6454, 7.3: something that cannot be named
      return lower;
    }
    Matcher parts = ORIGIN.matcher(lower);
    if (!parts.matches()) {
      return null;
    }
    String port = parts.group(3);
    boolean isDefault =
        (":80".equals(port) && parts.group(1).equals("http"))
            || (":443".equals(port) && parts.group(1).equals("https"));
    return isDefault ? lower.substring(0, parts.start(3)) : lower;
  }
}
