package dev.jev;

import static java.util.Objects.requireNonNull;

import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Supplier;

/**
 * A server that listens on one or more addresses and calls a {@link Handler} for the connections it
 * accepts.
 *
 * <pre>
 *   Server server = Server.builder(MyProtocol::new, new MyHandler()).listen("tcp://:5000").start();
 * </pre>
 *
 * <p>A server runs from {@link Builder#start} until {@link #stop}. All its listeners use the same
 * event loops, which have one thread each. Other servers and clients can {@linkplain EventLoops
 * share} them.
 *
 * <p><b>Faults.</b>
 *
 * <ul>
 *   <li>A failure in one connection affects neither the other connections nor the server.
 *   <li>Accepting pauses when the process has run out of file descriptors, and resumes
 *       automatically.
 *   <li>An event loop that is blocked for longer than {@code blockedLoopThreshold} is logged with
 *       its stack trace.
 *   <li>If the thread of an event loop dies, the server logs the cause and stops immediately, since
 *       it can no longer serve the connections of that loop. {@link #awaitStop} then throws.
 * </ul>
 *
 * <p><b>Threads.</b> All methods may be called from any thread, including from callbacks.
 */
public final class Server implements PluginHost, AutoCloseable {

  private static final Duration CLOSE_GRACE = Duration.ofSeconds(10);

  private final Endpoint endpoint;
  private final ServerSockets<?, ?> sockets;

  private <I, O> Server(Builder<I, O> builder) {
    this.endpoint = builder.newEndpoint("server", new Owner());
    this.sockets =
        new ServerSockets<>(
            endpoint,
            builder.connectionConfig(endpoint),
            builder.loadBalancing,
            builder.maxConnections,
            builder.addressesOfMachine);
    endpoint.join();
    try {
      ConnectionWarmUp.run(transport(), builder.protocols);
      builder.listenAddresses.forEach(sockets::listen);
      endpoint.startPlugins();
    } catch (Throwable t) {
      stop(Duration.ZERO);
      endpoint.awaitUninterruptibly();
      endpoint.requireLoops(t);
      throw t;
    }
    sockets.open();
  }

  private final class Owner implements Endpoint.Owner {

    @Override
    public PluginHost pluginHost() {
      return Server.this;
    }

    @Override
    public void closeSockets() {
      sockets.close();
    }
  }

  /**
   * Returns a new builder.
   *
   * @param protocols a factory that creates the protocol of each connection. It is called once per
   *     connection, on the event loop that accepts it, and may be called by several threads at the
   *     same time. {@link Builder#start} calls it once before that, to load the classes, and drops
   *     the protocol without opening it. An {@code IllegalArgumentException} for wrong options of a
   *     protocol is thrown there.
   * @param handler the handler of all connections
   * @param <I> the type of inbound messages
   * @param <O> the type of outbound messages
   */
  public static <I, O> Builder<I, O> builder(
      Supplier<? extends Protocol<I, O>> protocols, Handler<? super I, O> handler) {
    return new Builder<>(protocols, handler);
  }

  /**
   * Returns the connections, messages and bytes since the start, as the plugin {@link
   * dev.jev.plugin.Diagnostics} has counted them. A message is counted at the end of the batch in
   * which it was read, or when it is flushed. May be called after the stop, too.
   *
   * @throws IllegalStateException if no plugin counts
   */
  public ServerStats stats() {
    return endpoint.stats();
  }

  /** Returns the transport in use; never {@link Transport#AUTO}. */
  public Transport transport() {
    return endpoint.eventLoops().transport();
  }

  /**
   * Returns the addresses of the listeners, in the order in which they were added: an {@link
   * InetSocketAddress} for TCP and UDP, a {@link UnixAddress} for a unix socket. For port 0, the
   * address contains the port that the system chose.
   */
  @Override
  public List<SocketAddress> addresses() {
    return sockets.addresses();
  }

  @Override
  public List<String> configuredAddresses() {
    return sockets.configuredAddresses();
  }

  @Override
  public String name() {
    return endpoint.name();
  }

  /**
   * Returns the port of the first address.
   *
   * @throws IllegalStateException if the first address has no port
   */
  public int port() {
    if (addresses().get(0) instanceof InetSocketAddress first) {
      return first.getPort();
    }
    throw new IllegalStateException("first address has no port: " + addresses().get(0));
  }

  /**
   * Returns the number of open connections. Connections that are closing are counted, detached ones
   * are not.
   */
  @Override
  public int connectionCount() {
    return endpoint.connectionCount();
  }

  @Override
  public Connections connections() {
    return endpoint.connections();
  }

  @Override
  public int pendingTasks() {
    return endpoint.eventLoops().pendingTasks();
  }

  /**
   * Returns the number of datagrams that the UDP addresses have dropped. They are:
   *
   * <ul>
   *   <li>received datagrams that were longer than allowed or did not contain exactly one message;
   *   <li>outbound datagrams that exceeded a limit, or that the system refused;
   *   <li>messages sent by another thread that could not be packed on the event loop.
   * </ul>
   *
   * <p>Datagrams that the kernel drops, before the server receives them or after the socket has
   * taken them, are not counted.
   */
  public long droppedDatagrams() {
    return sockets.droppedDatagrams();
  }

  /** Returns the event loops, which clients and other servers can share. */
  public EventLoops eventLoops() {
    return endpoint.eventLoops();
  }

  @Override
  public ScheduledTask runAfter(Duration delay, Runnable task) {
    return endpoint.runAfter(delay, task);
  }

  @Override
  public ScheduledTask runEvery(Duration period, Runnable task) {
    return endpoint.runEvery(period, task);
  }

  @Override
  public ScheduledTask runTicker(Supplier<Duration> ticker) {
    return endpoint.runTicker(ticker);
  }

  /**
   * Stops accepting connections and reading datagrams until {@link #resumeAccepting}. Meanwhile
   * both stay in the kernel's queues, except for connections that the kernel has just accepted:
   * they are not served before that, either.
   *
   * @param owner the owner of this pause. Accepting resumes once every owner has ended its pause.
   */
  @Override
  public void pauseAccepting(Object owner) {
    sockets.pause(requireNonNull(owner, "owner"));
  }

  @Override
  public void resumeAccepting(Object owner) {
    sockets.resume(requireNonNull(owner, "owner"));
  }

  @Override
  public boolean isAcceptingPaused() {
    return sockets.isPausedByOwner();
  }

  /**
   * Closes all listeners permanently, including UDP sockets. Open connections stay open.
   *
   * <p>The server first accepts the connections and delivers the datagrams that are in the kernel's
   * queues, for at most 2 s, even while accepting is paused. This method returns when the listeners
   * are closed, or immediately if called on an event loop.
   *
   * <p>A TCP connection that arrives just before its listener closes may be reset. On Linux, with
   * {@code reuseport} and the system setting {@code net.ipv4.tcp_migrate_req=1}, the kernel moves
   * it to another listener of the same address. The file of a unix socket is deleted before its
   * queue is drained, so none of its connections is lost.
   */
  @Override
  public void stopAccepting() {
    if (Loop.current() != null) {
      new Thread(sockets::close, "jev-stop").start();
    } else {
      sockets.close();
    }
  }

  /**
   * Begins a graceful shutdown and returns immediately. {@link #awaitStop} waits for its end.
   *
   * <ol>
   *   <li>The server {@linkplain #stopAccepting stops accepting} and cancels all its timers.
   *   <li>It closes every connection with {@link CloseReason.Kind#SERVER_STOPPED}, as {@link
   *       Connection#close} does: messages sent before are written, messages not delivered yet are
   *       dropped.
   *   <li>After {@code grace}, it closes the remaining connections immediately.
   *   <li>It ends its event loops, unless they are shared.
   * </ol>
   *
   * <p>A second call can shorten the grace period but not extend it.
   *
   * @param grace the time for connections to close; zero closes them immediately
   */
  @Override
  public void stop(Duration grace) {
    endpoint.stop(grace);
  }

  /**
   * Stops the server with a grace period of 10 s, and waits until it has stopped unless called on
   * an event loop.
   */
  @Override
  public void close() {
    stop(CLOSE_GRACE);
    if (Loop.current() == null) {
      endpoint.awaitUninterruptibly();
    }
  }

  /**
   * Waits until the server has stopped: all connections are closed, all their {@code onClose}
   * methods have been called (or queued, if the handler is {@linkplain Handler#offload offloaded}),
   * and the server's own event loops have ended.
   *
   * @throws IllegalStateException if the server stopped because an event loop died, or if this is
   *     called on one of the event loops or from the thread that stops the server
   * @throws InterruptedException if the calling thread is interrupted while it waits
   */
  @Override
  public void awaitStop() throws InterruptedException {
    endpoint.awaitStop();
  }

  /**
   * A builder of {@link Server}.
   *
   * @param <I> the type of inbound messages
   * @param <O> the type of outbound messages
   */
  public static final class Builder<I, O> extends EndpointBuilder<I, O, Builder<I, O>> {

    private final List<ListenAddress> listenAddresses = new ArrayList<>();
    private LoadBalancing loadBalancing = LoadBalancing.roundRobin();
    private int maxConnections = FileDescriptors.maxConnections();
    private Supplier<List<InetAddress>> addressesOfMachine = UdpAddresses::ofMachine;

    private Builder(Supplier<? extends Protocol<I, O>> protocols, Handler<? super I, O> handler) {
      super(protocols, handler);
    }

    @Override
    Builder<I, O> self() {
      return this;
    }

    /**
     * Adds an address to listen on.
     *
     * <pre>
     *   [tcp[4|6]://]host:port   backlog, reuseport, device
     *   udp[4|6]://host:port     reuseport, device, interface, amplification
     *   unix:///path             backlog, mode
     *   unix:@name               backlog
     *   local://name
     * </pre>
     *
     * <ul>
     *   <li>The host is a {@link HostName}, a literal IPv6 address in brackets. An empty host means
     *       all addresses of the machine.
     *   <li>Port 0 lets the system choose a free port; {@link Server#addresses} returns it.
     *   <li>{@code tcp} and {@code udp} accept IPv4 and IPv6. The schemes with {@code 4} or {@code
     *       6} accept one family. With NIO, {@code tcp6} and {@code udp6} accept IPv4 too. With
     *       io_uring and kqueue, {@code tcp4} needs a host.
     *   <li>{@code local} is available with {@link Transport#LOCAL} only, and is the only scheme of
     *       that transport.
     * </ul>
     *
     * <p>Options follow as {@code ?option=value&...}:
     *
     * <ul>
     *   <li>{@code backlog}: the maximum number of connections that wait to be accepted; 4096 by
     *       default. The system may impose a lower limit.
     *   <li>{@code reuseport}: if true, every event loop has its own socket and keeps the
     *       connections and datagrams that arrive there; false by default. Multicasts and
     *       broadcasts arrive at one socket in any case, since the system delivers them to each.
     *   <li>{@code device}: the network interface that the socket is bound to. Needs epoll or
     *       io_uring, and the permission to bind to it ({@code CAP_NET_RAW}).
     *   <li>{@code mode}: the file permissions in octal; 0600 by default.
     *   <li>{@code interface}: the network interface on which to join a multicast group; by default
     *       the first one that supports multicast.
     *   <li>{@code amplification}: the maximum size of the replies to one datagram, as a multiple
     *       of its size; 3 by default, 0 for no limit.
     * </ul>
     *
     * <p><b>UDP.</b> Each datagram is one message. Its maximum length is 65,507 bytes, or {@code
     * maxFrameBytes} if that is less. If the host is a multicast address, the socket joins the
     * group.
     *
     * <p>An answer comes from the address that was asked. With an empty host, the server therefore
     * opens a further socket for each address of the machine, 256 at most. Addresses that are added
     * later get theirs after the first datagrams. An address that no network interface lists, such
     * as 127.0.0.2, gets one only with epoll and for IPv4; otherwise its answers come from an
     * address that the system chooses, unless the server listens on that address itself. With
     * {@code reuseport}, every event loop has such a socket for each address. One loop has the
     * socket for everything else, which {@link Connection#to} sends from.
     *
     * <ul>
     *   <li>The handler gets a connection that sends to the source of the datagram. Only {@code
     *       onMessage} is called. Closing, pausing and shutting down that connection have no
     *       effect. Its timers and {@code send} work until the server stops.
     *   <li>There is one protocol per socket. It unpacks each datagram separately, including empty
     *       ones, and must produce exactly one message from it. The server does not wait for a
     *       handshake. {@link ProtocolContext#write} sends to the source of the datagram being
     *       unpacked, {@link ProtocolContext#close} has no effect.
     *   <li>Plugins do not see datagrams.
     *   <li>{@code send} returns false, without applying the {@link OverflowPolicy}, if {@code
     *       maxPendingBytes} are pending in the socket, if the message packs to zero bytes, or if
     *       the replies to the datagram would exceed {@code amplification}. On a thread other than
     *       the event loop, {@code send} accepts such a message, which is dropped later.
     *   <li>The amplification limit counts 28 bytes of headers per datagram. It keeps an attacker
     *       from flooding a third party by means of forged source addresses. {@link Connection#to}
     *       is not subject to it: use that method for validated addresses only.
     * </ul>
     *
     * <p><b>Unix sockets.</b>
     *
     * <ul>
     *   <li>The file appears at the path only once the socket listens and has its permissions.
     *   <li>The file of a server that has died is replaced. A socket that is in use, or a file that
     *       is not a socket, is not replaced, and the start fails.
     *   <li>{@link Server#stopAccepting} and {@link Server#stop} delete the file, unless another
     *       one has taken its place.
     *   <li>Paths have at most 106 bytes, their directories at most 93. While the server starts,
     *       there are two more files next to the path, whose names begin with a dot.
     *   <li>The attribute {@link UnixPeer} of a connection describes its peer.
     * </ul>
     *
     * @throws IllegalArgumentException if {@code uri} is not such an address
     */
    public Builder<I, O> listen(String uri) {
      listenAddresses.add(ListenAddress.parse(uri));
      return this;
    }

    /**
     * Replaces the addresses that were added before, for example by those of a configuration file.
     *
     * @param uris the addresses, each as for {@link #listen}; at least one
     * @throws IllegalArgumentException if one of them is not such an address, or if there is none;
     *     nothing changes then
     */
    public Builder<I, O> listenOnly(Collection<String> uris) {
      Checks.inRange("addresses", uris.size(), 1, Integer.MAX_VALUE);
      List<ListenAddress> parsed = uris.stream().map(ListenAddress::parse).toList();
      listenAddresses.clear();
      listenAddresses.addAll(parsed);
      return this;
    }

    /**
     * Sets the strategy that assigns connections to event loops; {@link LoadBalancing#roundRobin}
     * by default.
     */
    public Builder<I, O> loadBalancing(LoadBalancing loadBalancing) {
      this.loadBalancing = requireNonNull(loadBalancing, "loadBalancing");
      return this;
    }

    /**
     * Sets the maximum number of open connections. A connection above the limit is closed as soon
     * as it is accepted. The default is nine tenths of the process's file descriptor limit, minus
     * 64, or 10,000 if that limit is not known.
     */
    public Builder<I, O> maxConnections(int maxConnections) {
      this.maxConnections = Checks.inRange("maxConnections", maxConnections, 1, Integer.MAX_VALUE);
      return this;
    }

    /** Sets the source of the addresses of the machine, for tests. */
    Builder<I, O> addressesOfMachine(Supplier<List<InetAddress>> addresses) {
      this.addressesOfMachine = addresses;
      return this;
    }

    /**
     * Starts a server that accepts connections on all addresses.
     *
     * <p>The first start in a process takes about 0.1 s longer, since it opens a connection inside
     * the process to load the classes of connections.
     *
     * @throws IllegalStateException if there is no address, if the transport is not available, if
     *     the shared event loops are closed, or if the artifacts of Netty on the class path have
     *     several versions or one before 4.2.2
     * @throws IllegalArgumentException if two limits contradict each other
     * @throws UncheckedIOException if the server cannot listen on one of the addresses; it then
     *     listens on none
     */
    public Server start() {
      if (listenAddresses.isEmpty()) {
        throw new IllegalStateException("no address to listen on; call listen first");
      }
      check();
      return new Server(this);
    }
  }
}
