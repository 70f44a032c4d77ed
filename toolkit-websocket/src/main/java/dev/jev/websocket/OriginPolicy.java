package dev.jev.websocket;

import dev.jev.plugin.TlsSession;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The origins of pages that may open a WebSocket (RFC 6455, 10.2; RFC 6454).
 *
 * @param kind the kind of origins that are allowed
 * @param origins the listed origins, as {@link #normalized} returns them
 * @param required true if requests without an origin are refused
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
          "([a-z][a-z0-9+.-]*)://"
              + "([a-z0-9._~!$&'()*+,;=%\\x{80}-\\x{10FFFF}-]+|\\[[0-9a-f:.]+])(:[0-9]*)?");

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
        && (kind == Kind.LISTED ? origins.contains(origin) : isSame(request, origin));
  }

  /**
   * Returns whether an origin is that of the request's host.
   *
   * <p>Over TLS its scheme must be https. Without TLS it may be http or https, since a proxy may
   * have terminated the TLS. The headers of such a proxy are not trusted.
   */
  private static boolean isSame(HttpRequest request, String origin) {
    String host = request.host();
    boolean isTls = request.attribute(TlsSession.class) != null;
    return host != null
        && (origin.equals(normalized("https://" + host))
            || (!isTls && origin.equals(normalized("http://" + host))));
  }

  /**
   * Returns an origin with its host in one form and without its default port, or null if it is not
   * an origin.
   */
  static @Nullable String normalized(String origin) {
    String lower = origin.toLowerCase(Locale.ROOT);
    if (lower.equals("null")) { // RFC 6454, 7.3: an opaque origin
      return lower;
    }
    Matcher parts = ORIGIN.matcher(lower);
    if (!parts.matches()) {
      return null;
    }
    String port = parts.group(3);
    boolean isDefault =
        ":".equals(port)
            || (":80".equals(port) && parts.group(1).equals("http"))
            || (":443".equals(port) && parts.group(1).equals("https"));
    String host = Authority.normalized(parts.group(2));
    return parts.group(1) + "://" + host + (port == null || isDefault ? "" : port);
  }
}
