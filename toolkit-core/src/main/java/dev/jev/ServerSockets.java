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
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The sockets that a server listens on.
 *
 * <p><b>Threads.</b> One thread before {@link #open}, any thread afterwards.
 */
final class ServerSockets<I, O> {

  /** Maximum time to wait for an event loop to register or bind a socket. */
  private static final long ANSWER_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** Maximum time to wait for a socket to close. */
  private static final long CLOSE_TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(5);

  /** Time without a new connection or datagram after which a kernel queue counts as empty. */
  private static final long QUIET_MILLIS = 2;

  /** Maximum time for draining the kernel's queues while more connections or datagrams arrive. */
  private static final long DRAIN_MILLIS = 2_000;

  private static final String STOPPED = "the server was stopped while it started";

  /** Maximum number of accepts per read batch, so that open connections get their turn. */
  private static final int MAX_ACCEPTS = 64;

  private record ListeningSocket(
      Channel socket, ServerIntake intake, @Nullable UnixSocketFile file) {

    /** Pauses or resumes the intake, as {@code pause} says when the event loop runs this. */
    void pause(BooleanSupplier pause) {
      onLoop(
          () -> {
            if (socket.isOpen()) {
              intake.pause(socket, pause.getAsBoolean());
            }
          });
    }

    /** Deletes the file of a unix socket, so that no further peer can connect. */
    void deleteFile() {
      if (file != null) {
        file.remove();
      }
    }

    /** Returns a future that completes when the kernel's queue is empty. */
    CompletableFuture<Void> drain() {
      CompletableFuture<Void> empty = new CompletableFuture<>();
      if (!onLoop(() -> drain(/* before= */ -1, empty))) {
        empty.complete(null);
      }
      return empty;
    }

    /**
     * Completes the future if nothing was taken since the last call. The event loop reads from the
     * socket between two timers, so an unchanged count means that the queue is empty.
     */
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
        return false; // the event loop has ended and has closed the socket
      }
    }
  }

  private final Endpoint endpoint;
  private final ConnectionConfig<I, O> config;
  private final LoadBalancing balancing;
  private final int maxConnections;
  private final Supplier<List<InetAddress>> addressesOfMachine;
  private final List<ListeningSocket> sockets = new CopyOnWriteArrayList<>();
  private final List<SocketAddress> addresses = new ArrayList<>();
  private final List<String> configuredAddresses = new ArrayList<>();
  private final Set<Object> pauseOwners = ConcurrentHashMap.newKeySet();
  private volatile boolean opened; // connections and datagrams may have been taken
  private volatile boolean closing; // no socket is opened; queues are drained, even while paused

  ServerSockets(
      Endpoint endpoint,
      ConnectionConfig<I, O> config,
      LoadBalancing balancing,
      int maxConnections,
      Supplier<List<InetAddress>> addressesOfMachine) {
    this.endpoint = endpoint;
    this.config = config;
    this.balancing = balancing;
    this.maxConnections = maxConnections;
    this.addressesOfMachine = addressesOfMachine;
  }

  /** Returns the addresses of the listeners, in the order in which they were added. */
  List<SocketAddress> addresses() {
    return List.copyOf(addresses);
  }

  /** Returns the addresses as they were configured, in the same order. */
  List<String> configuredAddresses() {
    return List.copyOf(configuredAddresses);
  }

  /** Returns the number of dropped datagrams; see {@link Server#droppedDatagrams}. */
  long droppedDatagrams() {
    long dropped = 0;
    for (ListeningSocket listening : sockets) {
      dropped += listening.intake instanceof UdpSocket<?, ?> udp ? udp.dropped() : 0;
    }
    return dropped;
  }

  // Opening.

  /** Opens one socket, or one per event loop. */
  void listen(ListenAddress listenAddress) {
    try {
      SocketAddress address = listenAddress.resolve();
      List<Loop> loops = loops(listenAddress);
      List<UdpSocket<I, O>> udp = new ArrayList<>();
      for (Loop loop : needsOneSocket(listenAddress, address) ? List.of(next()) : loops) {
        address = open(listenAddress, address, loop, udp);
      }
      addresses.add(address);
      configuredAddresses.add(listenAddress.uri());
      if (!udp.isEmpty() && isForAll(address)) {
        openUdpAddresses(listenAddress, udp.get(0), loops);
      }
    } catch (IOException | ChannelException | RejectedExecutionException e) {
      throw new UncheckedIOException(
          "cannot listen on " + listenAddress.uri() + ": " + Transport.text(e),
          e instanceof IOException io ? io : new IOException(e));
    }
  }

  private List<Loop> loops(ListenAddress listenAddress) {
    return listenAddress.reusePort() ? endpoint.eventLoops().loops() : List.of(next());
  }

  /** Returns the event loop of the next listener that has only one. */
  private Loop next() {
    List<Loop> all = endpoint.eventLoops().loops();
    return all.get(addresses.size() % all.size());
  }

  /**
   * Returns whether an address has one socket also with {@code reuseport}, since the system would
   * deliver a datagram to each: it may be a multicast or a broadcast.
   */
  private static boolean needsOneSocket(ListenAddress listenAddress, SocketAddress address) {
    return listenAddress.network() == Network.UDP
        && (isForAll(address)
            || UdpAddresses.isForMany(((InetSocketAddress) address).getAddress()));
  }

  private static boolean isForAll(SocketAddress address) {
    return address instanceof InetSocketAddress inet && inet.getAddress().isAnyLocalAddress();
  }

  /** Opens a socket, which is added to {@code udp} if it is one; returns its address. */
  private SocketAddress open(
      ListenAddress listenAddress, SocketAddress address, Loop loop, List<UdpSocket<I, O>> udp)
      throws IOException {
    if (closing) {
      throw new IOException(STOPPED);
    }
    Channel socket = newSocket(listenAddress, address);
    ServerIntake intake;
    if (socket instanceof DatagramChannel datagrams) {
      UdpSocket<I, O> handler =
          new UdpSocket<>(config, loop, datagrams, listenAddress.amplification());
      udp.add(handler);
      intake = handler;
    } else {
      Loop own = listenAddress.reusePort() ? loop : null;
      intake =
          new ServerAcceptor<>(endpoint, config, own, balancing, maxConnections, this::isPaused);
    }
    open(listenAddress, address, loop, socket, intake);
    SocketAddress bound = address instanceof UnixAddress ? address : socket.localAddress();
    if (bound == null) {
      throw new IOException(STOPPED); // which has closed the socket
    }
    SocketAddresses.set(socket, bound);
    return bound;
  }

  private ListeningSocket open(
      ListenAddress listenAddress,
      SocketAddress address,
      Loop loop,
      Channel socket,
      ServerIntake intake)
      throws IOException {
    try {
      configure(socket, listenAddress);
      socket.pipeline().addLast(intake);
      await(loop.executor().register(socket));
    } catch (Throwable t) {
      socket.unsafe().closeForcibly();
      throw t;
    }
    try {
      loop.executor().execute(() -> loop.add(socket));
      UnixSocketFile file = bind(socket, listenAddress, address);
      ListeningSocket listening = new ListeningSocket(socket, intake, file);
      sockets.add(listening);
      if (closing) { // and may have passed the sockets already
        listening.deleteFile();
        throw new IOException(STOPPED);
      }
      return listening;
    } catch (Throwable t) {
      ChannelFuture closed = socket.close();
      if (!loop.inEventLoop()) {
        closed.awaitUninterruptibly(CLOSE_TIMEOUT_NANOS, NANOSECONDS);
      }
      throw t;
    }
  }

  private void openUdpAddresses(
      ListenAddress listenAddress, UdpSocket<I, O> all, List<Loop> loops) {
    UdpAddresses<I, O> udpAddresses =
        new UdpAddresses<>(
            listenAddress,
            all,
            loops,
            (address, loop) -> openUdpAddress(listenAddress, address, loop, all),
            addressesOfMachine);
    udpAddresses.open();
  }

  /**
   * Opens the socket of one address, next to the one for all addresses. Returns null if they are
   * about to be closed.
   *
   * <p>The system allows this to sockets that share their addresses. Without {@code reuseport} they
   * do so for this moment only, since others could take datagrams from them otherwise.
   */
  private @Nullable UdpSocket<I, O> openUdpAddress(
      ListenAddress listenAddress, InetSocketAddress address, Loop loop, UdpSocket<I, O> all)
      throws IOException {
    if (closing) {
      return null;
    }
    boolean ip4 = address.getAddress() instanceof Inet4Address;
    DatagramChannel socket =
        transport()
            .newDatagramChannel(ip4 ? SocketProtocolFamily.INET : SocketProtocolFamily.INET6);
    UdpSocket<I, O> handler = all.forAddress(loop, socket);
    SocketAddresses.set(socket, all.address());
    share(listenAddress, all.channel(), true);
    share(listenAddress, socket, true);
    try {
      open(listenAddress, address, loop, socket, handler).pause(this::isPaused);
      return handler;
    } catch (IOException | RuntimeException e) {
      if (closing) {
        return null;
      }
      throw e;
    } finally {
      share(listenAddress, all.channel(), false);
      share(listenAddress, socket, false);
    }
  }

  private static void share(ListenAddress listenAddress, DatagramChannel socket, boolean share) {
    if (!listenAddress.reusePort() && socket.isOpen()) {
      socket.config().setReuseAddress(share);
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
              + " (expected: only with a multicast address)");
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
      throw new IOException("reuseport: true (expected: a transport that supports it)");
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
      socket.config().setOption(ChannelOption.SO_REUSEADDR, true); // for several receivers
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
    NetworkInterface chosen =
        name == null ? firstMulticastInterface() : NetworkInterface.getByName(name);
    if (chosen == null) {
      throw new IOException("interface: " + name + " (expected: an interface of this machine)");
    }
    await(socket.joinGroup(group, chosen));
  }

  private static @Nullable NetworkInterface firstMulticastInterface() throws IOException {
    for (NetworkInterface each : NetworkInterface.networkInterfaces().toList()) {
      if (each.isUp() && each.supportsMulticast() && !each.isLoopback()) {
        return each;
      }
    }
    return NetworkInterface.getByInetAddress(InetAddress.getLoopbackAddress());
  }

  private static void await(ChannelFuture step) throws IOException {
    await(step, ANSWER_NANOS);
  }

  /** Waits for a step on an event loop, which may be blocked or lose the step by an error. */
  static void await(ChannelFuture step, long nanos) throws IOException {
    if (!step.awaitUninterruptibly(nanos, NANOSECONDS)) {
      throw new IOException(
          "no answer from the event loop within " + Duration.ofNanos(nanos).toMillis() + " ms");
    }
    Throwable cause = step.cause();
    if (cause != null) {
      throw cause instanceof IOException io ? io : new IOException(cause);
    }
  }

  private Transport transport() {
    return endpoint.eventLoops().transport();
  }

  // Pausing and closing.

  /** Begins to accept connections and to read datagrams. */
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

  /** Returns whether there is an owner of a pause. */
  boolean isPausedByOwner() {
    return !pauseOwners.isEmpty();
  }

  private void pauseOrResume() {
    sockets.forEach(listening -> listening.pause(this::isPaused));
  }

  private boolean isPaused() {
    return !opened || !(closing || pauseOwners.isEmpty());
  }

  /** Drains the kernel's queues, closes all sockets, and waits until they are closed. */
  void close() {
    closing = true;
    sockets.forEach(ListeningSocket::deleteFile);
    if (opened) {
      drain();
    }
    long end = System.nanoTime() + CLOSE_TIMEOUT_NANOS;
    sockets.forEach(listening -> listening.intake.close(listening.socket));
    for (ListeningSocket listening : sockets) {
      listening.socket.closeFuture().awaitUninterruptibly(end - System.nanoTime(), NANOSECONDS);
    }
  }

  private void drain() {
    pauseOrResume();
    List<CompletableFuture<Void>> drains = sockets.stream().map(ListeningSocket::drain).toList();
    CompletableFuture.allOf(drains.toArray(new CompletableFuture<?>[0]))
        .completeOnTimeout(null, DRAIN_MILLIS, MILLISECONDS)
        .join();
  }
}
