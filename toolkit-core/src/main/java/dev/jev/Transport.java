package dev.jev;

import io.netty.channel.Channel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelException;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.kqueue.KQueue;
import io.netty.channel.kqueue.KQueueDatagramChannel;
import io.netty.channel.kqueue.KQueueIoHandler;
import io.netty.channel.kqueue.KQueueServerDomainSocketChannel;
import io.netty.channel.kqueue.KQueueServerSocketChannel;
import io.netty.channel.local.LocalIoHandler;
import io.netty.channel.local.LocalServerChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.DatagramChannel;
import io.netty.channel.socket.SocketProtocolFamily;
import io.netty.channel.socket.nio.NioChannelOption;
import io.netty.channel.socket.nio.NioDatagramChannel;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.channel.unix.IntegerUnixChannelOption;
import io.netty.channel.unix.RawUnixChannelOption;
import io.netty.channel.unix.UnixChannelOption;
import io.netty.channel.uring.IoUring;
import io.netty.channel.uring.IoUringChannelOption;
import io.netty.channel.uring.IoUringDatagramChannel;
import io.netty.channel.uring.IoUringIoHandler;
import io.netty.channel.uring.IoUringServerDomainSocketChannel;
import io.netty.channel.uring.IoUringServerSocketChannel;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.SocketOption;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.spi.SelectorProvider;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The operating system's interface through which a server moves bytes. */
public enum Transport {
  /** Epoll on Linux, kqueue on macOS and BSD, NIO elsewhere. The default. */
  AUTO,
  /** Linux io_uring. */
  IO_URING,
  /** Linux epoll. */
  EPOLL,
  /** The kqueue of macOS and BSD. */
  KQUEUE,
  /** The JDK's selectors: on every platform. */
  NIO,
  /**
   * Inside this process, for tests: no sockets, and only addresses {@code local://name}. Never
   * chosen by {@link #AUTO}.
   */
  LOCAL;

  /** What datagrams are read into at a time, as far as they come singly. */
  private static final int DATAGRAM_BATCH_BYTES = 512 * 1024;

  /** How many datagrams are read in a row. */
  private static final int MAX_DATAGRAM_BATCH = 64;

  // linux/if.h and asm-generic/socket.h
  private static final int INTERFACE_NAME_BYTES = 16;
  private static final int SO_BINDTODEVICE = 25;

  /** A state of tcp_info, of linux/tcp.h: the connection does not exist any more. */
  private static final int TCP_CLOSE = 7;

  /** Whether a server on this machine can use it. */
  public boolean isAvailable() {
    return unavailabilityCause() == null;
  }

  /** Why a server on this machine cannot use it, or null if it can. */
  public @Nullable Throwable unavailabilityCause() {
    return switch (this) {
      case AUTO, NIO, LOCAL -> null;
      case IO_URING -> IoUring.unavailabilityCause();
      case EPOLL -> Epoll.unavailabilityCause();
      case KQUEUE -> KQueue.unavailabilityCause();
    };
  }

  /**
   * Returns the transport to use: this one, or the one that AUTO stands for.
   *
   * @throws IllegalStateException if it is not available
   */
  Transport resolve() {
    if (this == AUTO) {
      return EPOLL.isAvailable() ? EPOLL : KQUEUE.isAvailable() ? KQUEUE : NIO;
    }
    Throwable cause = unavailabilityCause();
    if (cause != null) {
      throw new IllegalStateException(
          "transport: " + this + " (expected: one that is available): " + reason(cause), cause);
    }
    return this;
  }

  /** What a failure and its root say. */
  static String reason(Throwable failure) {
    String why = String.valueOf(rootCause(failure).getMessage());
    String what = failure.getMessage();
    return what == null || what.equals(why) ? why : what + ": " + why;
  }

  /** The native transport that this platform should have had, for the log when NIO has to do. */
  static Transport nativeOfPlatform() {
    String os = System.getProperty("os.name", "");
    return os.startsWith("Linux") ? EPOLL : os.startsWith("Windows") ? NIO : KQUEUE;
  }

  static Throwable rootCause(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root;
  }

  IoHandlerFactory newIoHandlerFactory() {
    return switch (this) {
      case IO_URING -> IoUringIoHandler.newFactory();
      case EPOLL -> LoopEpollIoHandler.newFactory();
      case KQUEUE -> KQueueIoHandler.newFactory();
      case NIO -> NioIoHandler.newFactory();
      case LOCAL -> LocalIoHandler.newFactory();
      case AUTO -> throw new IllegalStateException("AUTO is not resolved");
    };
  }

  /**
   * Creates a listening socket for connections.
   *
   * @param family null means IPv6 if the machine has it, which takes both
   * @throws IOException if this transport has no such sockets
   */
  ServerChannel newServerChannel(Network network, @Nullable SocketProtocolFamily family)
      throws IOException {
    if (network == Network.LOCAL && this != LOCAL) {
      throw unsupported("LOCAL, for an address local://");
    }
    return switch (network) {
      case TCP -> newTcpServer(family);
      case UNIX -> newUnixServer();
      case LOCAL -> new LocalServerChannel();
      case UDP -> throw new IllegalStateException("UDP has no connections");
    };
  }

  private ServerChannel newTcpServer(@Nullable SocketProtocolFamily family) throws IOException {
    return switch (this) {
      case IO_URING -> new IoUringServerSocketChannel();
      case EPOLL -> new EpollServerSocketChannel(family);
      case KQUEUE -> new KQueueServerSocketChannel();
      case NIO -> new NioServerSocketChannel(SelectorProvider.provider(), family);
      case AUTO, LOCAL -> throw unsupported("one with sockets");
    };
  }

  private ServerChannel newUnixServer() throws IOException {
    return switch (this) {
      case IO_URING -> new IoUringServerDomainSocketChannel();
      case EPOLL -> new EpollServerDomainSocketChannel();
      case KQUEUE -> new KQueueServerDomainSocketChannel();
      case NIO -> new NioServerDomainSocketChannel();
      case AUTO, LOCAL -> throw unsupported("one with sockets");
    };
  }

  /** Whether the peer has reset a connection, as far as the transport can tell. */
  static boolean isReset(Channel channel) {
    if (channel instanceof EpollSocketChannel socket && socket.isOpen()) {
      return socket.tcpInfo().state() == TCP_CLOSE;
    }
    return false;
  }

  /**
   * Creates a socket for datagrams.
   *
   * @param family null means IPv6 if the machine has it, which takes both
   * @throws IOException if this transport has no such sockets
   */
  DatagramChannel newDatagramChannel(@Nullable SocketProtocolFamily family) throws IOException {
    return switch (this) {
      case IO_URING -> new IoUringDatagramChannel(family);
      case EPOLL -> new EpollDatagramChannel(family);
      case KQUEUE -> new KQueueDatagramChannel(family);
      case NIO -> new NioDatagramChannel(family);
      case AUTO, LOCAL -> throw unsupported("one with sockets");
    };
  }

  /** Lets a socket read datagrams of up to so many bytes, many with one system call if it can. */
  void readDatagrams(ChannelConfig config, int maxBytes) {
    boolean many =
        switch (this) {
          case EPOLL -> config.setOption(EpollChannelOption.MAX_DATAGRAM_PAYLOAD_SIZE, maxBytes);
          case IO_URING ->
              config.setOption(IoUringChannelOption.MAX_DATAGRAM_PAYLOAD_SIZE, maxBytes);
          default -> false;
        };
    int count =
        many ? Math.min(Math.max(DATAGRAM_BATCH_BYTES / maxBytes, 1), MAX_DATAGRAM_BATCH) : 1;
    config.setRecvByteBufAllocator(
        new FixedRecvByteBufAllocator(count * maxBytes).maxMessagesPerRead(MAX_DATAGRAM_BATCH));
  }

  /** The address of a unix socket in the file system. */
  SocketAddress unixAddress(Path path) {
    return this == NIO ? UnixDomainSocketAddress.of(path) : new DomainSocketAddress(path.toFile());
  }

  /**
   * The address of a unix socket outside the file system.
   *
   * @throws IOException if this transport does not have that
   */
  SocketAddress abstractAddress(UnixAddress address) throws IOException {
    if (this != EPOLL && this != IO_URING) {
      throw unsupported("EPOLL or IO_URING, for a name outside the file system");
    }
    return new DomainSocketAddress("\0" + address.path().substring(1)); // unix(7)
  }

  /**
   * Ties a socket to a network interface.
   *
   * @throws IOException if that is not possible or not allowed
   */
  void bindToDevice(ChannelConfig config, String device) throws IOException {
    if (this != EPOLL && this != IO_URING) {
      throw unsupported("EPOLL or IO_URING, for the option device");
    }
    ByteBuffer name = ByteBuffer.allocateDirect(INTERFACE_NAME_BYTES);
    name.put(device.getBytes(StandardCharsets.UTF_8)).clear();
    try {
      config.setOption(
          new RawUnixChannelOption(
              "SO_BINDTODEVICE", /* SOL_SOCKET= */ 1, SO_BINDTODEVICE, INTERFACE_NAME_BYTES),
          name);
    } catch (ChannelException e) {
      throw new IOException(
          "device: "
              + device
              + " (expected: one of this machine, and the right CAP_NET_RAW): "
              + rootCause(e).getMessage());
    }
  }

  private IOException unsupported(String expected) {
    return new IOException("transport: " + this + " (expected: " + expected + ")");
  }

  /** Lets every event loop listen on the same address; returns whether that is possible. */
  boolean reusePort(ChannelConfig config) {
    if (this == NIO) {
      SocketOption<Boolean> option = StandardSocketOptions.SO_REUSEPORT;
      return config.setOption(NioChannelOption.of(option), true);
    }
    return config.setOption(UnixChannelOption.SO_REUSEPORT, true);
  }

  /** Whether a socket for all addresses can be had for one family alone. */
  boolean canRestrictTo(@Nullable SocketProtocolFamily family) {
    return family != SocketProtocolFamily.INET || this == EPOLL || this == NIO;
  }

  /** Keeps an IPv6 socket that is bound to all addresses from taking IPv4 too. */
  void restrictToIp6(ChannelConfig config) {
    if (this != NIO) { // which has no such option
      int ipv6Only = this == KQUEUE ? 27 : 26; // IPV6_V6ONLY of netinet6/in6.h and linux/in6.h
      config.setOption(
          new IntegerUnixChannelOption("IPV6_V6ONLY", /* IPPROTO_IPV6 */ 41, ipv6Only), 1);
    }
  }
}
