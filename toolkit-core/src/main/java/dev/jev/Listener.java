package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.channel.socket.SocketProtocolFamily;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An address to listen on, as {@link Server.Builder#listen} takes it.
 *
 * @param uri the text it was read from
 * @param family the address family it is restricted to, or null for both
 * @param host a name or a literal address; empty for all addresses of the machine
 * @param port from 0, any free one, to 65535
 * @param reusePort whether every event loop has a listening socket of its own
 * @param backlog how many connections may wait to be accepted
 */
record Listener(
    String uri,
    @Nullable SocketProtocolFamily family,
    String host,
    int port,
    boolean reusePort,
    int backlog) {

  /** What is waiting to be accepted; Linux cuts it to net.core.somaxconn. */
  private static final int DEFAULT_BACKLOG = 4096;

  private static final Pattern URI =
      Pattern.compile("(?:([^:/?]*)://)?(?:\\[([^\\]]+)\\]|([^:/?\\[\\]]*)):([^:/?]*)(?:\\?(.*))?");

  static Listener parse(String uri) {
    Matcher parts = URI.matcher(requireNonNull(uri, "uri"));
    if (!parts.matches()) {
      throw new IllegalArgumentException(
          "address: " + uri + " (expected: [tcp|tcp4|tcp6]://host:port[?option=value&...])");
    }
    SocketProtocolFamily family = family(parts.group(1));
    String host = parts.group(2) != null ? parts.group(2) : parts.group(3);
    boolean reusePort = false;
    int backlog = DEFAULT_BACKLOG;
    String query = parts.group(5) == null ? "" : parts.group(5);
    for (String option : query.isEmpty() ? new String[0] : query.split("&", -1)) {
      int equals = option.indexOf('=');
      String name = equals < 0 ? option : option.substring(0, equals);
      String value = equals < 0 ? "" : option.substring(equals + 1);
      switch (name) {
        case "reuseport" -> reusePort = bool(name, value);
        case "backlog" -> backlog = number(name, value, 1, 1 << 20);
        default ->
            throw new IllegalArgumentException(
                "option: " + name + " (expected: reuseport or backlog) in " + uri);
      }
    }
    return new Listener(
        uri, family, host, number("port", parts.group(4), 0, 65535), reusePort, backlog);
  }

  private static @Nullable SocketProtocolFamily family(@Nullable String scheme) {
    return switch (scheme == null ? "tcp" : scheme) {
      case "tcp" -> null;
      case "tcp4" -> SocketProtocolFamily.INET;
      case "tcp6" -> SocketProtocolFamily.INET6;
      default ->
          throw new IllegalArgumentException(
              "scheme: " + scheme + " (expected: tcp, tcp4 or tcp6)");
    };
  }

  private static boolean bool(String name, String value) {
    return switch (value) {
      case "true" -> true;
      case "false" -> false;
      default ->
          throw new IllegalArgumentException(name + ": " + value + " (expected: true or false)");
    };
  }

  private static int number(String name, String value, int min, int max) {
    if (!value.matches("-?\\d{1,9}")) {
      throw new IllegalArgumentException(
          name + ": " + value + " (expected: " + min + ".." + max + ")");
    }
    return Checks.inRange(name, Integer.parseInt(value), min, max);
  }

  /**
   * Looks the host up.
   *
   * @throws UnknownHostException if it has no address of the family
   */
  InetSocketAddress resolve() throws UnknownHostException {
    if (host.isEmpty()) {
      return new InetSocketAddress(wildcard(), port);
    }
    for (InetAddress address : InetAddress.getAllByName(host)) {
      boolean ip6 = address instanceof Inet6Address;
      if (family == null || ip6 == (family == SocketProtocolFamily.INET6)) {
        return new InetSocketAddress(address, port);
      }
    }
    throw new UnknownHostException(host + " (expected: a host with an address for " + uri + ")");
  }

  private InetAddress wildcard() throws UnknownHostException {
    if (family == null) {
      return new InetSocketAddress(0).getAddress();
    }
    return InetAddress.getByAddress(new byte[family == SocketProtocolFamily.INET ? 4 : 16]);
  }
}
