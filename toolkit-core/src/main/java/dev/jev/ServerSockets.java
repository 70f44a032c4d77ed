package dev.jev;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelOption;
import io.netty.channel.ServerChannel;
import io.netty.channel.ServerChannelRecvByteBufAllocator;
import io.netty.channel.socket.DatagramChannel;
import io.netty.channel.socket.SocketProtocolFamily;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The sockets that a server listens on.
 *
 * <p>Not for use by several threads before {@link #open}; by any thread afterwards.
 */
final class ServerSockets<I, O> {

  /** How long closing a socket may take before it is no longer waited for. */
  private static final long STUCK_NANOS = TimeUnit.SECONDS.toNanos(5);

  /** A queue of the kernel is empty when nothing came out of it for so long. */
  private static final long QUIET_MILLIS = 2;

  /** How long the kernel's queues are emptied at most, if more and more comes. */
  private static final long DRAIN_MILLIS = 500;

  /** How many connections are accepted in one turn, so that busy ones do not keep others out. */
  private static final int MAX_ACCEPTS = 64;

  private record ListeningSocket(
      Channel socket, ServerIntake intake, @Nullable UnixSocketFile file) {

    /** Pauses or resumes, as is right when its loop gets there. */
    void pause(BooleanSupplier pause) {
      onLoop(
          () -> {
            if (socket.isOpen()) {
              intake.pause(socket, pause.getAsBoolean());
            }
          });
    }

    /** Lets nobody find it who has not found it yet, where that is possible. */
    void deleteFile() {
      if (file != null) {
        file.remove();
      }
    }

    /** Tells when the kernel's queue is empty. */
    CompletableFuture<Void> drain() {
      CompletableFuture<Void> empty = new CompletableFuture<>();
      if (!onLoop(() -> drain(/* before= */ -1, empty))) {
        empty.complete(null);
      }
      return empty;
    }

    /** Its loop looks at the socket between any two timers, so the second one knows. */
    private void drain(long before, CompletableFuture<Void> empty) {
      long now = intake.taken();
      if (now == before) {
        empty.complete(null);
      } else {
        socket.eventLoop().schedule(() -> drain(now, empty), QUIET_MILLIS, MILLISECONDS);
      }
    }

    private boolean onLoop(Runnable action) {
      try {
        socket.eventLoop().execute(action);
        return true;
      } catch (RejectedExecutionException e) {
        return false; // its event loop has died, and the socket with it
      }
    }
  }

  private final Endpoint endpoint;
  private final ConnectionConfig<I, O> config;
  private final LoadBalancing balancing;
  private final int maxConnections;
  private final List<ListeningSocket> sockets = new CopyOnWriteArrayList<>();
  private final List<SocketAddress> addresses = new ArrayList<>();
  private final Set<Object> pauseOwners = ConcurrentHashMap.newKeySet();
  private volatile boolean opened; // something may have been taken
  private volatile boolean closing; // whoever pauses

  ServerSockets(
      Endpoint endpoint,
      ConnectionConfig<I, O> config,
      LoadBalancing balancing,
      int maxConnections) {
    this.endpoint = endpoint;
    this.config = config;
    this.balancing = balancing;
    this.maxConnections = maxConnections;
  }

  /** The addresses listened on, in the order they were given. */
  List<SocketAddress> addresses() {
    return List.copyOf(addresses);
  }

  /** How many datagrams were dropped. */
  long droppedDatagrams() {
    long dropped = 0;
    for (ListeningSocket source : sockets) {
      dropped += source.intake instanceof UdpSocket<?, ?> udp ? udp.dropped() : 0;
    }
    return dropped;
  }

  // Opening.

  /** Opens one socket, or one for each loop, which then keeps what comes through it. */
  void listen(ListenAddress listenAddress) {
    try {
      SocketAddress address = listenAddress.resolve();
      if (!listenAddress.reusePort()) {
        Loop loop = loops().get(sockets.size() % loops().size());
        addresses.add(open(listenAddress, address, loop, /* own= */ null));
        return;
      }
      SocketAddress bound = address;
      for (Loop loop : loops()) {
        bound = open(listenAddress, bound, loop, /* own= */ loop);
      }
      addresses.add(bound);
    } catch (IOException | ChannelException e) {
      throw new UncheckedIOException(
          "cannot listen on " + listenAddress.uri() + ": " + message(e),
          e instanceof IOException io ? io : new IOException(e));
    }
  }

  private static String message(Throwable failure) {
    Throwable root = Transport.rootCause(failure);
    return root.getMessage() == null ? root.toString() : root.getMessage();
  }

  private SocketAddress open(
      ListenAddress listenAddress, SocketAddress address, Loop loop, @Nullable Loop own)
      throws IOException {
    Channel socket = newSocket(listenAddress, address);
    ServerIntake intake =
        socket instanceof DatagramChannel datagrams
            ? new UdpSocket<>(config, loop, datagrams, listenAddress.amplification())
            : new ServerAcceptor<>(endpoint, config, own, balancing, maxConnections);
    try {
      configure(socket, listenAddress);
      socket.pipeline().addLast(intake);
      await(loop.executor().register(socket));
    } catch (Throwable t) {
      socket.unsafe().closeForcibly();
      throw t;
    }
    loop.executor().execute(() -> loop.add(socket));
    try {
      UnixSocketFile file = bind(socket, listenAddress, address);
      SocketAddress bound = address instanceof UnixAddress ? address : socket.localAddress();
      SocketAddresses.set(socket, bound);
      sockets.add(new ListeningSocket(socket, intake, file));
      return bound;
    } catch (Throwable t) {
      socket.close().awaitUninterruptibly(STUCK_NANOS, NANOSECONDS);
      throw t;
    }
  }

  private Channel newSocket(ListenAddress listenAddress, SocketAddress address) throws IOException {
    SocketProtocolFamily family = listenAddress.family();
    if (listenAddress.network() != Network.UDP) {
      return transport().newServerChannel(listenAddress.network(), family);
    }
    InetAddress group = multicast(address);
    if (group != null) {
      boolean ip4 = group instanceof Inet4Address;
      family = ip4 ? SocketProtocolFamily.INET : SocketProtocolFamily.INET6;
    } else if (listenAddress.multicastInterface() != null) {
      throw new IOException(
          "interface: "
              + listenAddress.multicastInterface()
              + " (expected: with a multicast address)");
    }
    return transport().newDatagramChannel(family);
  }

  private static @Nullable InetAddress multicast(SocketAddress address) {
    return address instanceof InetSocketAddress inet && inet.getAddress().isMulticastAddress()
        ? inet.getAddress()
        : null;
  }

  private void configure(Channel socket, ListenAddress listenAddress) throws IOException {
    socket.config().setAutoRead(false); // until all addresses are bound
    if (socket instanceof ServerChannel) {
      socket
          .config()
          .setRecvByteBufAllocator(
              new ServerChannelRecvByteBufAllocator().maxMessagesPerRead(MAX_ACCEPTS));
    }
    socket.config().setOption(ChannelOption.SO_BACKLOG, listenAddress.backlog());
    config.sockets().applyBuffers(socket.config());
    if (listenAddress.family() == SocketProtocolFamily.INET6) {
      transport().restrictToIp6(socket.config());
    }
    if (listenAddress.network() == Network.TCP
        && !transport().canRestrictTo(listenAddress.family())
        && listenAddress.host().isEmpty()) {
      throw new IOException("host: none (expected: one, for tcp4 with " + transport() + ")");
    }
    if (listenAddress.reusePort() && !transport().reusePort(socket.config())) {
      throw new IOException("reuseport: true (expected: a transport that has it)");
    }
    if (listenAddress.device() != null) {
      transport().bindToDevice(socket.config(), listenAddress.device());
    }
  }

  private @Nullable UnixSocketFile bind(
      Channel socket, ListenAddress listenAddress, SocketAddress address) throws IOException {
    if (address instanceof UnixAddress unix) {
      if (unix.isAbstract()) {
        await(socket.bind(transport().abstractAddress(unix)));
        return null;
      }
      return UnixSocketFile.create(
          Path.of(unix.path()),
          listenAddress.mode(),
          temporary -> await(socket.bind(transport().unixAddress(temporary))));
    }
    InetAddress group = multicast(address);
    if (group != null) {
      socket.config().setOption(ChannelOption.SO_REUSEADDR, true); // as others may listen too
    }
    await(socket.bind(address));
    if (group != null) {
      join(
          (DatagramChannel) socket,
          (InetSocketAddress) address,
          listenAddress.multicastInterface());
    }
    return null;
  }

  private static void join(DatagramChannel socket, InetSocketAddress group, @Nullable String name)
      throws IOException {
    NetworkInterface chosen = name == null ? anyForMulticast() : NetworkInterface.getByName(name);
    if (chosen == null) {
      throw new IOException("interface: " + name + " (expected: one of this machine)");
    }
    await(socket.joinGroup(group, chosen));
  }

  private static @Nullable NetworkInterface anyForMulticast() throws IOException {
    for (NetworkInterface each : NetworkInterface.networkInterfaces().toList()) {
      if (each.isUp() && each.supportsMulticast() && !each.isLoopback()) {
        return each;
      }
    }
    return NetworkInterface.getByInetAddress(InetAddress.getLoopbackAddress());
  }

  private static void await(ChannelFuture step) throws IOException {
    Throwable cause = step.awaitUninterruptibly().cause();
    if (cause != null) {
      throw cause instanceof IOException io ? io : new IOException(cause);
    }
  }

  private List<Loop> loops() {
    return endpoint.eventLoops().loops();
  }

  private Transport transport() {
    return endpoint.eventLoops().transport();
  }

  // Pausing and closing.

  /** Takes what comes from now on. */
  void open() {
    opened = true;
    pauseOrResume();
  }

  void pause(Object owner) {
    pauseOwners.add(owner);
    pauseOrResume();
  }

  void resume(Object owner) {
    pauseOwners.remove(owner);
    pauseOrResume();
  }

  private void pauseOrResume() {
    sockets.forEach(source -> source.pause(() -> !opened || !(closing || pauseOwners.isEmpty())));
  }

  /** Takes what the kernel has queued, then closes all sockets, and waits for that. */
  void close() {
    sockets.forEach(ListeningSocket::deleteFile);
    if (opened) {
      drain();
    }
    long closed = System.nanoTime() + STUCK_NANOS;
    sockets.forEach(source -> source.socket.close());
    for (ListeningSocket source : sockets) {
      source.socket.closeFuture().awaitUninterruptibly(closed - System.nanoTime(), NANOSECONDS);
    }
  }

  private void drain() {
    closing = true;
    pauseOrResume();
    List<CompletableFuture<Void>> drains = sockets.stream().map(ListeningSocket::drain).toList();
    CompletableFuture.allOf(drains.toArray(new CompletableFuture<?>[0]))
        .completeOnTimeout(null, DRAIN_MILLIS, MILLISECONDS)
        .join();
  }
}
