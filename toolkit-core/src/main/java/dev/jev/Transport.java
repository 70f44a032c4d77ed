package dev.jev;

import io.netty.channel.ChannelConfig;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.kqueue.KQueue;
import io.netty.channel.kqueue.KQueueIoHandler;
import io.netty.channel.kqueue.KQueueServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketProtocolFamily;
import io.netty.channel.socket.nio.NioChannelOption;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.unix.IntegerUnixChannelOption;
import io.netty.channel.unix.UnixChannelOption;
import io.netty.channel.uring.IoUring;
import io.netty.channel.uring.IoUringIoHandler;
import io.netty.channel.uring.IoUringServerSocketChannel;
import java.net.SocketOption;
import java.net.StandardSocketOptions;
import java.nio.channels.spi.SelectorProvider;
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
  NIO;

  /** Whether a server on this machine can use it. */
  public boolean isAvailable() {
    return unavailabilityCause() == null;
  }

  /** Why a server on this machine cannot use it, or null if it can. */
  public @Nullable Throwable unavailabilityCause() {
    return switch (this) {
      case AUTO, NIO -> null;
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
    String why = String.valueOf(root(failure).getMessage());
    String what = failure.getMessage();
    return what == null || what.equals(why) ? why : what + ": " + why;
  }

  /** The native transport that this platform should have had, for the log when NIO has to do. */
  static Transport nativeOfPlatform() {
    String os = System.getProperty("os.name", "");
    return os.startsWith("Linux") ? EPOLL : os.startsWith("Windows") ? NIO : KQUEUE;
  }

  static Throwable root(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root;
  }

  IoHandlerFactory newIoHandlerFactory() {
    return switch (this) {
      case IO_URING -> IoUringIoHandler.newFactory();
      case EPOLL -> SteadyEpollIoHandler.newFactory();
      case KQUEUE -> KQueueIoHandler.newFactory();
      case NIO -> NioIoHandler.newFactory();
      case AUTO -> throw new IllegalStateException("AUTO is not resolved");
    };
  }

  /**
   * Creates a listening socket; a null family means IPv6 if the machine has it, which takes both.
   */
  ServerChannel newServerChannel(@Nullable SocketProtocolFamily family) {
    return switch (this) {
      case IO_URING -> new IoUringServerSocketChannel();
      case EPOLL -> new EpollServerSocketChannel(family);
      case KQUEUE -> new KQueueServerSocketChannel();
      case NIO -> new NioServerSocketChannel(SelectorProvider.provider(), family);
      case AUTO -> throw new IllegalStateException("AUTO is not resolved");
    };
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
