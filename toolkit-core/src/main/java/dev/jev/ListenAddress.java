package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.channel.local.LocalAddress;
import io.netty.channel.socket.SocketProtocolFamily;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnknownHostException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An address to listen on, in the syntax of {@link Server.Builder#listen}.
 *
 * @param uri the text that was parsed
 * @param network the kind of socket
 * @param family the only address family to accept, or null for both
 * @param host a host name in ASCII or literal address, empty for all addresses of the machine; or
 *     the path of a unix socket, or the name of a local one
 * @param port the port, 0 to 65535, where 0 is any free port; 0 for networks without ports
 * @param options the options that were given, with checked values
 */
record ListenAddress(
    String uri,
    Network network,
    @Nullable SocketProtocolFamily family,
    String host,
    int port,
    Map<String, String> options) {

  /** The default backlog; Linux reduces it to net.core.somaxconn. */
  private static final int DEFAULT_BACKLOG = 4096;

  /** RFC 9000, 8: the limit of replies to an address that is not validated. */
  private static final int DEFAULT_AMPLIFICATION = 3;

  private static final String SYNTAX =
      "[tcp[4|6]://|udp[4|6]://]host:port, unix:///path, unix:@name or local://name,"
          + " each with [?option=value&...]";

  private static final Pattern IP =
      Pattern.compile("(?:([^:/?]*)://)?(?:\\[([^\\]]+)\\]|([^:/?\\[\\]]*)):([^:/?]*)(?:\\?(.*))?");
  private static final Pattern UNIX =
      Pattern.compile("unix:(?://(/[^?\0]*)|(@[^?\0]+))(?:\\?(.*))?");
  private static final Pattern LOCAL = Pattern.compile("local://([^?/\\s]+)(?:\\?(.*))?");
  private static final Pattern MODE = Pattern.compile("0?[0-7]{3}");

  static ListenAddress parse(String uri) {
    Matcher parts = UNIX.matcher(requireNonNull(uri, "uri"));
    if (parts.matches()) {
      String path = parts.group(1) != null ? parts.group(1) : parts.group(2);
      Checks.utf8Bytes("path", path);
      return of(uri, Network.UNIX, null, path, 0, parts.group(3));
    }
    if (parts.usePattern(LOCAL).matches()) {
      return of(uri, Network.LOCAL, null, parts.group(1), 0, parts.group(2));
    }
    if (!parts.usePattern(IP).matches() || uri.startsWith("unix:@")) {
      throw new IllegalArgumentException("address: " + uri + " (expected: " + SYNTAX + ")");
    }
    String scheme = parts.group(1) == null ? "tcp" : parts.group(1);
    return of(
        uri,
        network(scheme),
        family(scheme),
        host(parts.group(2) != null ? parts.group(2) : parts.group(3)),
        number("port", parts.group(4), 0, 65535),
        parts.group(5));
  }

  private static String host(String text) {
    return text.isEmpty() ? "" : HostName.of(text).lookup();
  }

  private static Network network(String scheme) {
    return switch (scheme) {
      case "tcp", "tcp4", "tcp6" -> Network.TCP;
      case "udp", "udp4", "udp6" -> Network.UDP;
      default ->
          throw new IllegalArgumentException(
              "scheme: " + scheme + " (expected: tcp, tcp4, tcp6, udp, udp4, udp6, unix or local)");
    };
  }

  private static @Nullable SocketProtocolFamily family(String scheme) {
    return scheme.endsWith("4")
        ? SocketProtocolFamily.INET
        : scheme.endsWith("6") ? SocketProtocolFamily.INET6 : null;
  }

  private static ListenAddress of(
      String uri,
      Network network,
      @Nullable SocketProtocolFamily family,
      String host,
      int port,
      @Nullable String query) {
    Map<String, String> options = new LinkedHashMap<>();
    ListenAddress listenAddress = new ListenAddress(uri, network, family, host, port, options);
    List<String> allowed =
        host.startsWith("@") ? List.of("backlog") : options(network); // no file, so no mode
    for (String option : query == null || query.isEmpty() ? new String[0] : query.split("&", -1)) {
      int equals = option.indexOf('=');
      String name = equals < 0 ? option : option.substring(0, equals);
      if (!allowed.contains(name)) {
        throw new IllegalArgumentException(
            "option: " + name + " (expected: " + list(allowed) + ") in " + uri);
      }
      options.put(name, equals < 0 ? "" : option.substring(equals + 1));
      listenAddress.check(name);
    }
    return listenAddress;
  }

  private static String list(List<String> names) {
    int last = names.size() - 1;
    return last < 0
        ? "none"
        : last == 0
            ? names.get(0)
            : String.join(", ", names.subList(0, last)) + " or " + names.get(last);
  }

  private void check(String option) {
    switch (option) {
      case "reuseport" -> reusePort();
      case "backlog" -> backlog();
      case "amplification" -> amplification();
      case "mode" -> mode();
      default -> interfaceName(option);
    }
  }

  /** Returns whether every event loop opens its own socket. */
  boolean reusePort() {
    String value = options.getOrDefault("reuseport", "false");
    return switch (value) {
      case "true" -> true;
      case "false" -> false;
      default ->
          throw new IllegalArgumentException("reuseport: " + value + " (expected: true or false)");
    };
  }

  /** Returns the maximum number of connections that wait to be accepted. */
  int backlog() {
    return number("backlog", DEFAULT_BACKLOG, 1, 1 << 20);
  }

  /** Returns the maximum size of replies as a multiple of the datagram's size; 0 for no limit. */
  int amplification() {
    return number("amplification", DEFAULT_AMPLIFICATION, 0, 1_000_000);
  }

  /** Returns the permissions of the file of a unix socket. */
  int mode() {
    String value = options.getOrDefault("mode", "0600");
    if (!MODE.matcher(value).matches()) {
      throw new IllegalArgumentException("mode: " + value + " (expected: 0000..0777, octal)");
    }
    return Integer.parseInt(value, /* radix= */ 8);
  }

  /** Returns the network interface that the socket is bound to, or null. */
  @Nullable String device() {
    return interfaceName("device");
  }

  /** Returns the network interface on which to join a multicast group, or null for any. */
  @Nullable String multicastInterface() {
    return interfaceName("interface");
  }

  /** Returns the name of an interface. IFNAMSIZ of linux/if.h is 16, with the final zero. */
  private @Nullable String interfaceName(String option) {
    String value = options.get(option);
    int bytes = value == null ? 1 : Checks.utf8Bytes(option, value);
    if (bytes < 1 || bytes > 15) {
      throw new IllegalArgumentException(
          option + ": " + value + " (expected: a name of 1..15 bytes)");
    }
    return value;
  }

  private int number(String option, int defaultValue, int min, int max) {
    return number(option, options.getOrDefault(option, String.valueOf(defaultValue)), min, max);
  }

  private static int number(String name, String value, int min, int max) {
    if (!value.matches("-?\\d{1,9}")) {
      throw new IllegalArgumentException(
          name + ": " + value + " (expected: " + min + ".." + max + ")");
    }
    return Checks.inRange(name, Integer.parseInt(value), min, max);
  }

  private static List<String> options(Network network) {
    return switch (network) {
      case TCP -> List.of("reuseport", "backlog", "device");
      case UDP -> List.of("reuseport", "device", "interface", "amplification");
      case UNIX -> List.of("backlog", "mode");
      case LOCAL -> List.of();
    };
  }

  /**
   * Resolves the host and returns the address to bind to.
   *
   * @throws UnknownHostException if the host has no address of the family
   */
  SocketAddress resolve() throws UnknownHostException {
    return switch (network) {
      case TCP, UDP -> resolveHost();
      case UNIX -> UnixAddress.of(host);
      case LOCAL -> new LocalAddress(host);
    };
  }

  private InetSocketAddress resolveHost() throws UnknownHostException {
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
