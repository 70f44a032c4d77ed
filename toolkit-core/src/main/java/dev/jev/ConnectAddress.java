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
 * An address to connect to, as {@link Client.Builder#connect} takes it.
 *
 * @param uri the text it was read from
 * @param network what kind of socket it needs
 * @param family the address family it is restricted to, or null for both
 * @param host a name or a literal address; or the path of a unix socket, or the name of a local one
 * @param port from 1 to 65535; 0 where there are no ports
 */
record ConnectAddress(
    String uri, Network network, @Nullable SocketProtocolFamily family, String host, int port) {

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

  /** Whether the host is to be looked up, and may have several addresses. */
  boolean isIp() {
    return network == Network.TCP || network == Network.UDP;
  }

  /** The address of a target without a host. */
  SocketAddress address() {
    return network == Network.LOCAL ? new LocalAddress(host) : UnixAddress.of(host);
  }

  /**
   * The addresses of the wanted family in the order in which they are to be tried: the families in
   * turn, beginning with that of the first address (RFC 8305, 4).
   */
  List<SocketAddress> interleave(InetAddress[] addresses) {
    List<InetAddress> wanted = Stream.of(addresses).filter(this::isWanted).distinct().toList();
    boolean firstIs6 = !wanted.isEmpty() && isIp6(wanted.get(0));
    Iterator<InetAddress> some = wanted.stream().filter(a -> isIp6(a) == firstIs6).iterator();
    Iterator<InetAddress> others = wanted.stream().filter(a -> isIp6(a) != firstIs6).iterator();
    List<SocketAddress> ordered = new ArrayList<>(wanted.size());
    while (some.hasNext() || others.hasNext()) {
      if (some.hasNext()) {
        ordered.add(new InetSocketAddress(some.next(), port));
      }
      if (others.hasNext()) {
        ordered.add(new InetSocketAddress(others.next(), port));
      }
    }
    return ordered;
  }

  private boolean isWanted(InetAddress address) {
    return family == null || isIp6(address) == (family == SocketProtocolFamily.INET6);
  }

  private static boolean isIp6(InetAddress address) {
    return address instanceof Inet6Address;
  }
}
