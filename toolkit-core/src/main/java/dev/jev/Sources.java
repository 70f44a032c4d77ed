package dev.jev;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.NANOSECONDS;

import dev.jev.Listener.Network;
import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelOption;
import io.netty.channel.ServerChannel;
import io.netty.channel.ServerChannelRecvByteBufAllocator;
import io.netty.channel.socket.DatagramChannel;
import io.netty.channel.socket.SocketProtocolFamily;
import io.netty.util.AttributeKey;
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
final class Sources<I, O> {

  /** How long closing a socket may take before it is no longer waited for. */
  private static final long STUCK_NANOS = TimeUnit.SECONDS.toNanos(5);

  /** A queue of the kernel is empty when nothing came out of it for so long. */
  private static final long QUIET_MILLIS = 2;

  /** How long the kernel's queues are emptied at most, if more and more comes. */
  private static final long DRAIN_MILLIS = 500;

  /** How many connections are accepted in one turn, so that busy ones do not keep others out. */
  private static final int MAX_ACCEPTS = 64;

  private static final AttributeKey<SocketAddress> ADDRESS =
      AttributeKey.valueOf(Sources.class, "address");

  /** The handler of one of the sockets: takes what the kernel has queued. */
  interface Intake extends ChannelHandler {

    /** Takes no more, or again; on the event loop. */
    void pause(Channel socket, boolean pause);

    /** How much has been taken; any thread. */
    long taken();
  }

  private record Source(Channel socket, Intake intake, @Nullable UnixSocketFile file) {

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
    void hide() {
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

  private final Settings<I, O> settings;
  private final LoadBalancing balancing;
  private final int maxConnections;
  private final List<Source> sources = new CopyOnWriteArrayList<>();
  private final List<SocketAddress> addresses = new ArrayList<>();
  private final Set<Object> pausers = ConcurrentHashMap.newKeySet();
  private volatile boolean opened; // something may have been taken
  private volatile boolean closing; // whoever pauses

  Sources(Settings<I, O> settings, LoadBalancing balancing, int maxConnections) {
    this.settings = settings;
    this.balancing = balancing;
    this.maxConnections = maxConnections;
  }

  /** The address that a listening socket has for its users, which Netty may not know. */
  static SocketAddress address(Channel socket) {
    @Nullable SocketAddress address = socket.attr(ADDRESS).get();
    return address == null ? socket.localAddress() : address;
  }

  /** The addresses listened on, in the order they were given. */
  List<SocketAddress> addresses() {
    return List.copyOf(addresses);
  }

  /** How many datagrams were dropped. */
  long droppedDatagrams() {
    long dropped = 0;
    for (Source source : sources) {
      dropped += source.intake instanceof UdpSocket<?, ?> udp ? udp.dropped() : 0;
    }
    return dropped;
  }

  // Opening.

  /** Opens one socket, or one for each loop, which then keeps what comes through it. */
  void listen(Listener listener) {
    try {
      SocketAddress address = listener.resolve();
      if (!listener.reusePort()) {
        Loop loop = loops().get(sources.size() % loops().size());
        addresses.add(open(listener, address, loop, /* own= */ null));
        return;
      }
      SocketAddress bound = address;
      for (Loop loop : loops()) {
        bound = open(listener, bound, loop, /* own= */ loop);
      }
      addresses.add(bound);
    } catch (IOException | ChannelException e) {
      throw new UncheckedIOException(
          "cannot listen on " + listener.uri() + ": " + message(e),
          e instanceof IOException io ? io : new IOException(e));
    }
  }

  private static String message(Throwable failure) {
    Throwable root = Transport.root(failure);
    return root.getMessage() == null ? root.toString() : root.getMessage();
  }

  private SocketAddress open(
      Listener listener, SocketAddress address, Loop loop, @Nullable Loop own) throws IOException {
    Channel socket = newSocket(listener, address);
    Intake intake =
        socket instanceof DatagramChannel datagrams
            ? new UdpSocket<>(settings, loop, datagrams, listener.amplification())
            : new Acceptor<>(settings, own, balancing, maxConnections);
    try {
      configure(socket, listener);
      socket.pipeline().addLast(intake);
      finish(loop.executor().register(socket));
    } catch (Throwable t) {
      socket.unsafe().closeForcibly();
      throw t;
    }
    loop.executor().execute(() -> loop.add(socket));
    try {
      UnixSocketFile file = bind(socket, listener, address);
      SocketAddress bound = address instanceof UnixAddress ? address : socket.localAddress();
      socket.attr(ADDRESS).set(bound);
      sources.add(new Source(socket, intake, file));
      return bound;
    } catch (Throwable t) {
      socket.close().awaitUninterruptibly(STUCK_NANOS, NANOSECONDS);
      throw t;
    }
  }

  private Channel newSocket(Listener listener, SocketAddress address) throws IOException {
    SocketProtocolFamily family = listener.family();
    if (listener.network() != Network.UDP) {
      return transport().newServerChannel(listener.network(), family);
    }
    InetAddress group = multicast(address);
    if (group != null) {
      boolean ip4 = group instanceof Inet4Address;
      family = ip4 ? SocketProtocolFamily.INET : SocketProtocolFamily.INET6;
    } else if (listener.multicastInterface() != null) {
      throw new IOException(
          "interface: " + listener.multicastInterface() + " (expected: with a multicast address)");
    }
    return transport().newDatagramChannel(family);
  }

  private static @Nullable InetAddress multicast(SocketAddress address) {
    return address instanceof InetSocketAddress inet && inet.getAddress().isMulticastAddress()
        ? inet.getAddress()
        : null;
  }

  private void configure(Channel socket, Listener listener) throws IOException {
    socket.config().setAutoRead(false); // until all addresses are bound
    if (socket instanceof ServerChannel) {
      socket
          .config()
          .setRecvByteBufAllocator(
              new ServerChannelRecvByteBufAllocator().maxMessagesPerRead(MAX_ACCEPTS));
    }
    socket.config().setOption(ChannelOption.SO_BACKLOG, listener.backlog());
    settings.sockets().applyBuffers(socket.config());
    if (listener.family() == SocketProtocolFamily.INET6) {
      transport().restrictToIp6(socket.config());
    }
    if (listener.network() == Network.TCP
        && !transport().canRestrictTo(listener.family())
        && listener.host().isEmpty()) {
      throw new IOException("host: none (expected: one, for tcp4 with " + transport() + ")");
    }
    if (listener.reusePort() && !transport().reusePort(socket.config())) {
      throw new IOException("reuseport: true (expected: a transport that has it)");
    }
    if (listener.device() != null) {
      transport().tieToDevice(socket.config(), listener.device());
    }
  }

  private @Nullable UnixSocketFile bind(Channel socket, Listener listener, SocketAddress address)
      throws IOException {
    if (address instanceof UnixAddress unix) {
      if (unix.isAbstract()) {
        finish(socket.bind(transport().abstractAddress(unix)));
        return null;
      }
      return UnixSocketFile.create(
          Path.of(unix.path()),
          listener.mode(),
          temporary -> finish(socket.bind(transport().unixAddress(temporary))));
    }
    InetAddress group = multicast(address);
    if (group != null) {
      socket.config().setOption(ChannelOption.SO_REUSEADDR, true); // as others may listen too
    }
    finish(socket.bind(address));
    if (group != null) {
      join((DatagramChannel) socket, (InetSocketAddress) address, listener.multicastInterface());
    }
    return null;
  }

  private static void join(DatagramChannel socket, InetSocketAddress group, @Nullable String name)
      throws IOException {
    NetworkInterface chosen = name == null ? anyForMulticast() : NetworkInterface.getByName(name);
    if (chosen == null) {
      throw new IOException("interface: " + name + " (expected: one of this machine)");
    }
    finish(socket.joinGroup(group, chosen));
  }

  private static @Nullable NetworkInterface anyForMulticast() throws IOException {
    for (NetworkInterface each : NetworkInterface.networkInterfaces().toList()) {
      if (each.isUp() && each.supportsMulticast() && !each.isLoopback()) {
        return each;
      }
    }
    return NetworkInterface.getByInetAddress(InetAddress.getLoopbackAddress());
  }

  private static void finish(ChannelFuture step) throws IOException {
    Throwable cause = step.awaitUninterruptibly().cause();
    if (cause != null) {
      throw cause instanceof IOException io ? io : new IOException(cause);
    }
  }

  private List<Loop> loops() {
    return settings.endpoint().eventLoops().loops();
  }

  private Transport transport() {
    return settings.endpoint().eventLoops().transport();
  }

  // Pausing and closing.

  /** Takes what comes from now on. */
  void open() {
    opened = true;
    pauseOrResume();
  }

  void pause(Object who) {
    pausers.add(who);
    pauseOrResume();
  }

  void resume(Object who) {
    pausers.remove(who);
    pauseOrResume();
  }

  private void pauseOrResume() {
    sources.forEach(source -> source.pause(() -> !opened || !(closing || pausers.isEmpty())));
  }

  /** Takes what the kernel has queued, then closes all sockets, and waits for that. */
  void close() {
    sources.forEach(Source::hide);
    if (opened) {
      drain();
    }
    long closed = System.nanoTime() + STUCK_NANOS;
    sources.forEach(source -> source.socket.close());
    for (Source source : sources) {
      source.socket.closeFuture().awaitUninterruptibly(closed - System.nanoTime(), NANOSECONDS);
    }
  }

  private void drain() {
    closing = true;
    pauseOrResume();
    List<CompletableFuture<Void>> drains = sources.stream().map(Source::drain).toList();
    CompletableFuture.allOf(drains.toArray(new CompletableFuture<?>[0]))
        .completeOnTimeout(null, DRAIN_MILLIS, MILLISECONDS)
        .join();
  }
}
