package dev.jev;

import io.netty.channel.Channel;
import io.netty.util.AttributeKey;
import java.net.SocketAddress;
import org.jspecify.annotations.Nullable;

/** The addresses of sockets as users see them, which can differ from Netty's. */
final class SocketAddresses {

  private static final AttributeKey<SocketAddress> ADDRESS =
      AttributeKey.valueOf(SocketAddresses.class, "address");

  private SocketAddresses() {}

  static void set(Channel socket, SocketAddress address) {
    socket.attr(ADDRESS).set(address);
  }

  /** Returns the address of a listening socket. */
  static SocketAddress of(Channel socket) {
    @Nullable SocketAddress address = socket.attr(ADDRESS).get();
    return address == null ? socket.localAddress() : address;
  }

  /** Returns the local address of a connection. */
  static SocketAddress local(Channel channel) {
    SocketAddress own = UnixAddress.from(channel.localAddress());
    return own instanceof UnixAddress && channel.parent() != null ? listener(channel) : own;
  }

  /** Returns the address of the listener of a connection, or the local address without one. */
  static SocketAddress listener(Channel channel) {
    Channel parent = channel.parent();
    return parent == null ? UnixAddress.from(channel.localAddress()) : of(parent);
  }
}
