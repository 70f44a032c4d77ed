package dev.jev;

import io.netty.channel.Channel;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.kqueue.KQueueDomainSocketChannel;
import io.netty.channel.kqueue.KQueueSocketChannel;
import io.netty.channel.local.LocalChannel;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.channel.uring.IoUringDomainSocketChannel;
import io.netty.channel.uring.IoUringSocketChannel;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.file.Path;

/** Factory methods for the sockets that a client connects. */
final class ClientSockets {

  private ClientSockets() {}

  /**
   * Checks that the transport supports the target's kind of socket.
   *
   * @throws IllegalArgumentException if it does not
   */
  static void check(Transport transport, ConnectAddress target) {
    if ((target.network() == Network.LOCAL) != (transport == Transport.LOCAL)) {
      String expected =
          transport == Transport.LOCAL ? "one with sockets" : "LOCAL, for an address local://";
      throw new IllegalArgumentException(
          "transport: " + transport + " (expected: " + expected + ") for " + target.uri());
    }
  }

  /** Creates a socket that is not connected. */
  static Channel open(Transport transport, ConnectAddress target) throws IOException {
    return switch (target.network()) {
      case TCP -> openTcp(transport);
      case UDP -> transport.newDatagramChannel(target.family());
      case UNIX -> openUnix(transport);
      case LOCAL -> new LocalChannel();
    };
  }

  static Channel openTcp(Transport transport) {
    return switch (transport) {
      case IO_URING -> new IoUringSocketChannel();
      case EPOLL -> new EpollSocketChannel();
      case KQUEUE -> new KQueueSocketChannel();
      case NIO -> new NioSocketChannel();
      case AUTO, LOCAL ->
          throw new IllegalStateException("transport without sockets: " + transport);
    };
  }

  private static Channel openUnix(Transport transport) {
    return switch (transport) {
      case IO_URING -> new IoUringDomainSocketChannel();
      case EPOLL -> new EpollDomainSocketChannel();
      case KQUEUE -> new KQueueDomainSocketChannel();
      case NIO -> new NioDomainSocketChannel();
      case AUTO, LOCAL ->
          throw new IllegalStateException("transport without sockets: " + transport);
    };
  }

  /**
   * Returns whether both ends are the same socket. This happens when no process listens on a port
   * of this machine and the kernel chooses the same port as the local one.
   */
  static boolean isConnectedToItself(Channel channel) {
    SocketAddress local = channel.localAddress();
    return local instanceof InetSocketAddress && local.equals(channel.remoteAddress());
  }

  /** Returns an address in the form that the transport's sockets accept. */
  static SocketAddress address(Transport transport, SocketAddress address) throws IOException {
    if (!(address instanceof UnixAddress unix)) {
      return address;
    }
    return unix.isAbstract()
        ? transport.abstractAddress(unix)
        : transport.unixAddress(Path.of(unix.path()));
  }
}
