package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.HostName;
import java.net.URLDecoder;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The host and port in a URI or a {@code Host} header (RFC 3986, 3.2).
 *
 * @param host the host
 * @param port the port, 1 to 65535, or -1 if there is none
 */
record Authority(HostName host, int port) {

  private static final Pattern PARTS =
      Pattern.compile("(?:\\[([^\\]]*)\\]|([^:\\[\\]]*))(?::([0-9]*))?");

  /**
   * Parses the authority of a URI, without user information. The host may be in Unicode or
   * percent-encoded.
   *
   * @throws IllegalArgumentException if it has no valid host, or no valid port after a colon
   */
  static Authority of(String authority) {
    Matcher parts = PARTS.matcher(authority);
    if (!parts.matches()) {
      throw new IllegalArgumentException(
          "authority: " + authority + " (expected: host or host:port)");
    }
    String literal = parts.group(1);
    String host =
        literal != null
            ? literal.replace("%25", "%") // RFC 6874, 2
            : URLDecoder.decode(parts.group(2).replace("+", "%2B"), UTF_8);
    return new Authority(HostName.of(host), port(parts.group(3)));
  }

  private static int port(@Nullable String digits) {
    if (digits == null || digits.isEmpty()) {
      return -1;
    }
    int port = digits.length() > 5 ? Integer.MAX_VALUE : Integer.parseInt(digits);
    if (port < 1 || port > 65535) {
      throw new IllegalArgumentException("port: " + digits + " (expected: 1..65535)");
    }
    return port;
  }

  /**
   * Returns the host of a {@code Host} or {@code Origin} header in the form that is equal for equal
   * hosts. What is no host name is returned in lower case.
   */
  static String normalized(String host) {
    HostName known = HostName.parse(withoutBrackets(host));
    return known == null ? host.toLowerCase(Locale.ROOT) : known.header();
  }

  /** Returns a host without the brackets of an IPv6 address, if there are any. */
  static String withoutBrackets(String host) {
    boolean isLiteral = host.startsWith("[") && host.endsWith("]");
    return isLiteral ? host.substring(1, host.length() - 1) : host;
  }
}
