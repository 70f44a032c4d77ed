package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.channel.local.LocalAddress;
import io.netty.channel.socket.SocketProtocolFamily;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An address to connect to, in the syntax of {@link Client.Builder#connect}.
 *
 * @param uri the text that was parsed
 * @param network the kind of socket
 * @param family the only address family to use, or null for both
 * @param host a host name in ASCII or literal address; or the path of a unix socket, or the name of
 *     a local one
 * @param port the port, 1 to 65535; 0 for networks without ports
 */
record ConnectAddress(
    String uri, Network network, @Nullable SocketProtocolFamily family, String host, int port) {

  static List<ConnectAddress> parseAll(String first, String... more) {
    return Stream.concat(Stream.of(first), Stream.of(more)).map(ConnectAddress::parse).toList();
  }

  static ConnectAddress parse(String uri) {
    int query = requireNonNull(uri, "uri").indexOf('?');
    if (query >= 0) {
      throw new IllegalArgumentException(
          "option: " + uri.substring(query + 1) + " (expected: none) in " + uri);
    }
    if (uri.startsWith("tls://")) {
      throw new IllegalArgumentException(
          "scheme: tls (expected: tcp; TLS is a plugin, add Tls.client() to the builder)");
    }
    ListenAddress address = ListenAddress.parse(uri);
    if (address.host().isEmpty()) {
      throw new IllegalArgumentException("host: none (expected: one) in " + uri);
    }
    ConnectAddress target =
        new ConnectAddress(
            uri, address.network(), address.family(), address.host(), address.port());
    if (target.isIp()) {
      Checks.inRange("port", address.port(), 1, 65535);
    }
    return target;
  }

  /** Returns whether the host has to be resolved, and may have several addresses. */
  boolean isIp() {
    return network == Network.TCP || network == Network.UDP;
  }

  /** Returns the address of a target that needs no resolving. */
  SocketAddress address() {
    return network == Network.LOCAL ? new LocalAddress(host) : UnixAddress.of(host);
  }

  /**
   * Returns the addresses of the allowed family in the order of the attempts. The families
   * alternate, beginning with that of the first address (RFC 8305, 4).
   */
  List<SocketAddress> interleave(InetAddress[] addresses) {
    List<InetAddress> allowed = Stream.of(addresses).filter(this::isAllowed).distinct().toList();
    boolean firstIs6 = !allowed.isEmpty() && isIp6(allowed.get(0));
    Iterator<InetAddress> first = allowed.stream().filter(a -> isIp6(a) == firstIs6).iterator();
    Iterator<InetAddress> second = allowed.stream().filter(a -> isIp6(a) != firstIs6).iterator();
    List<SocketAddress> interleaved = new ArrayList<>(allowed.size());
    while (first.hasNext() || second.hasNext()) {
      if (first.hasNext()) {
        interleaved.add(new InetSocketAddress(first.next(), port));
      }
      if (second.hasNext()) {
        interleaved.add(new InetSocketAddress(second.next(), port));
      }
    }
    return interleaved;
  }

  private boolean isAllowed(InetAddress address) {
    return family == null || isIp6(address) == (family == SocketProtocolFamily.INET6);
  }

  private static boolean isIp6(InetAddress address) {
    return address instanceof Inet6Address;
  }
}
