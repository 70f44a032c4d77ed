package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.channel.Channel;
import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelException;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.IoEventLoop;
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
import io.netty.channel.socket.DuplexChannel;
import io.netty.channel.socket.SocketProtocolFamily;
import io.netty.channel.socket.nio.NioChannelOption;
import io.netty.channel.socket.nio.NioDatagramChannel;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.channel.unix.FileDescriptor;
import io.netty.channel.unix.IntegerUnixChannelOption;
import io.netty.channel.unix.RawUnixChannelOption;
import io.netty.channel.unix.Socket;
import io.netty.channel.unix.UnixChannel;
import io.netty.channel.unix.UnixChannelOption;
import io.netty.channel.uring.IoUring;
import io.netty.channel.uring.IoUringChannelOption;
import io.netty.channel.uring.IoUringDatagramChannel;
import io.netty.channel.uring.IoUringIoHandler;
import io.netty.channel.uring.IoUringServerDomainSocketChannel;
import io.netty.channel.uring.IoUringServerSocketChannel;
import io.netty.channel.uring.IoUringSocketChannel;
import io.netty.channel.uring.IoUringTcpInfo;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.SocketOption;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.NotYetConnectedException;
import java.nio.channels.spi.SelectorProvider;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The operating system interface that a server or client uses for its sockets. */
public enum Transport {
  /**
   * Epoll on Linux and kqueue on macOS and BSD, if available; otherwise NIO. The default.
   *
   * <p>The system property {@code dev.jev.transport} replaces this choice: {@code
   * -Ddev.jev.transport=io_uring} tries another transport without a change to the program.
   */
  AUTO,
  /**
   * Linux io_uring, from Linux 5.9 on. Its native code is in {@code
   * io.netty:netty-transport-native-io_uring}, which an application adds with the classifier of its
   * platform, such as {@code linux-x86_64}. Needs Netty 4.2.18. Never chosen by {@link #AUTO}.
   */
  IO_URING,
  /** Linux epoll. On riscv64, {@code io.netty:netty-transport-native-epoll} has to be added. */
  EPOLL,
  /** The kqueue interface of macOS and BSD. */
  KQUEUE,
  /** The selectors of the JDK, available on every platform. */
  NIO,
  /**
   * Connections inside this process, for tests. There are no sockets, and only {@code local://name}
   * addresses. Never chosen by {@link #AUTO}.
   *
   * <p>There is neither back-pressure nor a half-close: what is sent is in the peer's queue at
   * once, {@link Connection#shutdownOutput} is not noticed by the peer, and a close drops what the
   * peer has not read. A test of a close needs a socket.
   */
  LOCAL;

  /** The system property with the transport that AUTO is. */
  private static final String PROPERTY = "dev.jev.transport";

  /** Maximum total size of a batch of datagrams per system call, unless one alone is longer. */
  private static final int DATAGRAM_BATCH_BYTES = 512 * 1024;

  /** Maximum number of datagrams per read batch. */
  private static final int MAX_DATAGRAM_BATCH = 64;

  // linux/if.h and asm-generic/socket.h
  private static final int INTERFACE_NAME_BYTES = 16;
  private static final int SO_BINDTODEVICE = 25;

  /** The state of tcp_info (linux/tcp.h) for a connection that no longer exists. */
  private static final int TCP_CLOSE = 7;

  /** Returns whether this transport is available on this machine. */
  public boolean isAvailable() {
    return unavailabilityCause() == null;
  }

  /**
   * Returns the reason why this transport is not available on this machine, or null if it is. If
   * only the artifact with its native code is missing, the message names it.
   */
  public @Nullable Throwable unavailabilityCause() {
    Throwable cause =
        switch (this) {
          case AUTO, NIO, LOCAL -> null;
          case IO_URING -> ioUringUnavailabilityCause();
          case EPOLL -> Epoll.unavailabilityCause();
          case KQUEUE -> KQueue.unavailabilityCause();
        };
    if (cause == null) {
      return null;
    }
    Throwable missing = NativeJar.missing(name().toLowerCase(Locale.ROOT), rootCause(cause));
    return missing == null ? cause : missing;
  }

  private static @Nullable Throwable ioUringUnavailabilityCause() {
    try {
      // The newest of the methods in use: does not link with an older Netty.
      Function<IoUringSocketChannel, IoUringTcpInfo> newest = IoUringSocketChannel::tcpInfo;
      requireNonNull(newest);
    } catch (LinkageError e) {
      return new IOException("Netty is too old for io_uring (expected: 4.2.18 or later)");
    }
    return IoUring.unavailabilityCause();
  }

  /**
   * Returns the transport to use: this one, or the platform's for AUTO.
   *
   * @throws IllegalStateException if this transport is not available
   */
  Transport resolve() {
    if (this == AUTO) {
      String chosen = System.getProperty(PROPERTY, AUTO.name());
      return AUTO.name().equalsIgnoreCase(chosen) ? ofPlatform() : named(chosen).resolve();
    }
    Throwable cause = unavailabilityCause();
    if (cause != null) {
      throw new IllegalStateException(
          "transport: " + this + " (expected: one that is available): " + reason(cause), cause);
    }
    return this;
  }

  private static Transport ofPlatform() {
    return EPOLL.isAvailable() ? EPOLL : KQUEUE.isAvailable() ? KQUEUE : NIO;
  }

  private static Transport named(String name) {
    for (Transport each : List.of(IO_URING, EPOLL, KQUEUE, NIO)) {
      if (each.name().equalsIgnoreCase(name)) {
        return each;
      }
    }
    throw new IllegalStateException(
        PROPERTY + ": " + name + " (expected: AUTO, IO_URING, EPOLL, KQUEUE or NIO)");
  }

  /** Returns a failure and its root cause as text. */
  static String reason(Throwable failure) {
    String cause = text(failure);
    String message = failure.getCause() == null ? null : failure.getMessage();
    return message == null || message.equals(cause) ? cause : message + ": " + cause;
  }

  /**
   * Returns the root cause of a failure as text, without its class if it has a sentence of the
   * system, such as {@code Connection refused}. The name of a file or host is no sentence.
   */
  static String text(Throwable failure) {
    Throwable root = rootCause(failure);
    String message = root.getMessage();
    boolean isOfSystem = root instanceof IOException || root instanceof ChannelException;
    return isOfSystem && message != null && message.contains(" ") ? message : root.toString();
  }

  /** Returns the native transport of this platform, to be named in the log when NIO is used. */
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
      case AUTO -> throw new IllegalStateException("transport AUTO is not resolved");
    };
  }

  /**
   * Creates a listening socket.
   *
   * @param family the address family; null for IPv6 if the machine supports it, which accepts both
   *     families
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

  /**
   * Closes a channel whose event loop runs no more. With io_uring, the kernel closes a socket when
   * the loop asks for that, so the socket is shut down here. Its descriptor remains open, since the
   * ring may hold requests for its number.
   */
  static void closeWithoutLoop(Channel channel) {
    boolean ring =
        channel.eventLoop() instanceof IoEventLoop loop && loop.isIoType(IoUringIoHandler.class);
    try {
      if (ring && channel instanceof UnixChannel unix && unix.fd() instanceof Socket socket) {
        socket.shutdown();
      }
    } catch (IOException | NotYetConnectedException e) {
      // It is not connected, or closed.
    } finally {
      channel.close();
    }
  }

  /** Returns whether the peer has reset a connection; false if not with epoll or io_uring. */
  static boolean isReset(Channel channel) {
    if (channel instanceof EpollSocketChannel socket && socket.isOpen()) {
      return socket.tcpInfo().state() == TCP_CLOSE && isClosedByReset(socket, socket.fd());
    }
    if (channel instanceof IoUringSocketChannel socket && socket.isOpen()) {
      return socket.tcpInfo().state() == TCP_CLOSE && isClosedByReset(socket, socket.fd());
    }
    return false;
  }

  /** A socket is closed, too, when both sides have ended their output, and may have input then. */
  private static boolean isClosedByReset(DuplexChannel channel, FileDescriptor descriptor) {
    if (!channel.isOutputShutdown()) {
      return true;
    }
    try {
      return descriptor instanceof Socket socket && socket.getSoError() != 0;
    } catch (IOException e) {
      return true;
    }
  }

  /**
   * Creates a datagram socket.
   *
   * @param family the address family; null for IPv6 if the machine supports it, which accepts both
   *     families
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

  /**
   * Configures a socket to read datagrams of up to {@code maxBytes}, with several per system call
   * if the transport supports it.
   */
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

  /**
   * Configures a socket for all addresses to read each datagram with the address that it was sent
   * to, if the transport supports it: epoll does for IPv4, with one datagram per system call.
   * Otherwise that address is the wildcard address.
   */
  void readRecipients(ChannelConfig config, int maxBytes) {
    if (this == EPOLL) {
      config.setOption(EpollChannelOption.IP_RECVORIGDSTADDR, true);
      config.setRecvByteBufAllocator(
          new FixedRecvByteBufAllocator(maxBytes).maxMessagesPerRead(MAX_DATAGRAM_BATCH));
    }
  }

  /** Returns the address of a unix socket in the file system. */
  SocketAddress unixAddress(Path path) {
    return this == NIO ? UnixDomainSocketAddress.of(path) : new DomainSocketAddress(path.toFile());
  }

  /**
   * Returns the abstract address of a unix socket, outside the file system.
   *
   * @throws IOException if this transport does not support abstract addresses
   */
  SocketAddress abstractAddress(UnixAddress address) throws IOException {
    if (this != EPOLL && this != IO_URING) {
      throw unsupported("EPOLL or IO_URING, for a name outside the file system");
    }
    return new DomainSocketAddress("\0" + address.path().substring(1)); // unix(7)
  }

  /**
   * Binds a socket to a network interface.
   *
   * @throws IOException if this is not possible or not permitted
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
              + " (expected: an interface of this machine, and the capability CAP_NET_RAW): "
              + text(e));
    }
  }

  private IOException unsupported(String expected) {
    return new IOException("transport: " + this + " (expected: " + expected + ")");
  }

  /** Enables several sockets on the same address; returns whether that is supported. */
  boolean reusePort(ChannelConfig config) {
    if (this == NIO) {
      SocketOption<Boolean> option = StandardSocketOptions.SO_REUSEPORT;
      return config.setOption(NioChannelOption.of(option), true);
    }
    return config.setOption(UnixChannelOption.SO_REUSEPORT, true);
  }

  /** Returns whether a socket for all addresses can be restricted to one family. */
  boolean canRestrictTo(@Nullable SocketProtocolFamily family) {
    return family != SocketProtocolFamily.INET || this == EPOLL || this == NIO;
  }

  /** Restricts an IPv6 socket for all addresses to IPv6. */
  void restrictToIp6(ChannelConfig config) {
    if (this != NIO) { // NIO has no such option
      int ipv6Only = this == KQUEUE ? 27 : 26; // IPV6_V6ONLY of netinet6/in6.h and linux/in6.h
      config.setOption(
          new IntegerUnixChannelOption("IPV6_V6ONLY", /* IPPROTO_IPV6 */ 41, ipv6Only), 1);
    }
  }
}
