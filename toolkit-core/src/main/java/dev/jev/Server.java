package dev.jev;

import static java.util.Objects.requireNonNull;

import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Listens on one or more addresses and runs a {@link Handler} over the connections it accepts.
 *
 * <pre>
 *   Server server = Server.builder(MyProtocol::new, new MyHandler()).listen("tcp://:5000").start();
 * </pre>
 *
 * <p>A server runs from {@link Builder#start} until {@link #stop}. All its listeners share its
 * event loops, one thread each, which other servers and clients can {@linkplain EventLoops share}
 * too.
 *
 * <p><b>Faults.</b> Nothing that happens in one connection ends another one or the server. When the
 * process has no file descriptor left, accepting pauses and goes on by itself. An event loop that
 * does not come round for long is reported in the log with its stack. If the thread of an event
 * loop dies, the server cannot keep its promises: it reports that, stops at once, and {@link
 * #awaitStop} throws.
 *
 * <p><b>Threads.</b> All methods may be called from any thread, callbacks included.
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
            builder.maxConnections);
    endpoint.join();
    try {
      builder.listenAddresses.forEach(sockets::listen);
      endpoint.startPlugins();
    } catch (Throwable t) {
      stop(Duration.ZERO);
      endpoint.awaitUninterruptibly();
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
   * Begins the configuration of a server.
   *
   * @param protocols makes the protocol of each connection; called once for each, on the event loop
   *     that accepts it, so perhaps on several threads at once
   * @param handler gets the messages of all connections
   * @param <I> the messages that come in
   * @param <O> the messages that go out
   */
  public static <I, O> Builder<I, O> builder(
      Supplier<? extends Protocol<I, O>> protocols, Handler<? super I, O> handler) {
    return new Builder<>(protocols, handler);
  }

  /** The transport in use; never {@link Transport#AUTO}. */
  public Transport transport() {
    return endpoint.eventLoops().transport();
  }

  /**
   * The addresses listened on, in the order they were given, with the real port for port 0: an
   * {@link InetSocketAddress} for TCP and UDP, a {@link UnixAddress} for a unix socket.
   */
  @Override
  public List<SocketAddress> addresses() {
    return sockets.addresses();
  }

  /**
   * The port of the first address.
   *
   * @throws IllegalStateException if that has no port
   */
  public int port() {
    if (addresses().get(0) instanceof InetSocketAddress first) {
      return first.getPort();
    }
    throw new IllegalStateException("first address has no port: " + addresses().get(0));
  }

  /** How many connections are open; those that are closing are counted, detached ones are not. */
  @Override
  public int connectionCount() {
    return endpoint.connectionCount();
  }

  /**
   * How many datagrams of UDP addresses were dropped: those received that were longer than allowed
   * or not exactly one message, and those to be sent that were over a limit, could not be packed on
   * the event loop by order of another thread, or were refused by the system. What the kernel drops
   * before the server sees it, or after it has taken it, is not counted.
   */
  public long droppedDatagrams() {
    return sockets.droppedDatagrams();
  }

  /** The event loops, for a client or another server that wants to share them. */
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
   * Leaves new connections waiting in the kernel's queues, and datagrams too, until {@link
   * #resumeAccepting}.
   *
   * @param owner the owner of this pause; accepting goes on when no owner pauses it any more
   */
  @Override
  public void pauseAccepting(Object owner) {
    sockets.pause(requireNonNull(owner, "owner"));
  }

  @Override
  public void resumeAccepting(Object owner) {
    sockets.resume(requireNonNull(owner, "owner"));
  }

  /**
   * Closes all listeners for good, UDP sockets too; connections that are open stay open. Those that
   * wait in the kernel's queues are accepted first, for at most half a second and whoever pauses,
   * and datagrams are delivered. Returns when that is done, unless called on an event loop.
   *
   * <p>A TCP connection that arrives in the last moment may be reset; on Linux it goes to another
   * listener of the same address, with {@code reuseport}, if the system has {@code
   * net.ipv4.tcp_migrate_req=1}. The file of a unix socket is deleted before its queue is emptied,
   * so none of its connections is lost.
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
   * Begins to stop and returns at once; {@link #awaitStop} waits for the end of it.
   *
   * <p>{@linkplain #stopAccepting Stops accepting}, ends all timers, and closes every connection
   * with {@link CloseReason.Kind#SERVER_STOPPED}, in the way of {@link Connection#close}: what was
   * sent before goes out, messages that have not been delivered are dropped. What is still open
   * after {@code grace} is closed at once. Then the event loops end. A second call can shorten the
   * grace.
   */
  @Override
  public void stop(Duration grace) {
    endpoint.stop(grace);
  }

  /** Stops with a grace of 10 s, and waits for the end unless called on an event loop. */
  @Override
  public void close() {
    stop(CLOSE_GRACE);
    if (Loop.current() == null) {
      endpoint.awaitUninterruptibly();
    }
  }

  /**
   * Waits until the server has stopped: all connections closed, all their {@code onClose} called
   * (or queued, if the handler is {@linkplain Handler#offload offloaded}), all event loops ended.
   *
   * @throws IllegalStateException if the server stopped because an event loop died, or if called on
   *     one of the event loops
   * @throws InterruptedException if the calling thread is interrupted meanwhile
   */
  @Override
  public void awaitStop() throws InterruptedException {
    endpoint.awaitStop();
  }

  /**
   * The configuration of a {@link Server}.
   *
   * @param <I> the messages that come in
   * @param <O> the messages that go out
   */
  public static final class Builder<I, O> extends EndpointBuilder<I, O, Builder<I, O>> {

    private final List<ListenAddress> listenAddresses = new ArrayList<>();
    private LoadBalancing loadBalancing = LoadBalancing.roundRobin();
    private int maxConnections = FileDescriptors.maxConnections();

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
     * <p>Without a host it is all addresses of the machine; a literal IPv6 address stands in
     * brackets. Port 0 is any free one, see {@link Server#addresses}. {@code tcp} and {@code udp}
     * take IPv4 and IPv6; with {@code 4} or {@code 6} they take one of them (NIO cannot keep IPv4
     * off {@code tcp6} and {@code udp6}; io_uring and kqueue need a host for {@code tcp4}). {@code
     * local} is for {@link Transport#LOCAL} alone.
     *
     * <p>Options follow as {@code ?option=value&...}:
     *
     * <ul>
     *   <li>{@code backlog}: how many connections may wait to be accepted, 4096 by default; the
     *       system may have a lower limit
     *   <li>{@code reuseport}: false by default; if true every event loop has a socket of its own
     *       and keeps what comes through it
     *   <li>{@code device}: the network interface to which the socket is tied; epoll and io_uring
     *       only, and only for who has the right to
     *   <li>{@code mode}: the permissions of the file, octal, 0600 by default
     *   <li>{@code interface}: where a multicast group is joined; by default on the first interface
     *       that can
     *   <li>{@code amplification}: how many times what it sent the source of a datagram is answered
     *       at most, 3 by default, 0 without a limit
     * </ul>
     *
     * <p><b>UDP.</b> A datagram is a message, of up to 65,507 bytes or {@code maxFrameBytes} if
     * that is less. The handler gets a connection that sends to the datagram's source, and only
     * {@code onMessage} is called. Closing, pausing and shutting down that connection do nothing;
     * its timers, and {@code send}, go on until the server stops. There is one protocol for each
     * socket; it gets each datagram alone, an empty one too, and has to make one message of it. A
     * handshake is not waited for, {@link ProtocolContext#write} sends to the source of the
     * datagram that is being unpacked, {@link ProtocolContext#close} does nothing; plugins see
     * nothing. {@code send} returns false, and the {@link OverflowPolicy} is not asked, if {@code
     * maxPendingBytes} wait in the socket, if the message is packed to no bytes, or if the answers
     * to one datagram would be longer than {@code amplification} allows, each counted with 28 bytes
     * of headers: who sends a forged source must not get others flooded. Sent on another thread
     * than the event loop, such a message is dropped later. {@link Connection#to} has no such
     * limit: call it for addresses that have proved true. If the host is a multicast address, the
     * socket joins the group.
     *
     * <p><b>Unix sockets.</b> The file appears at the path when the socket listens and has its
     * permissions. A file of a server that is no more is replaced; one at which somebody listens,
     * or that is not a socket, is left alone, and the start fails. {@link Server#stopAccepting} and
     * {@link Server#stop} delete it, if it is still the server's own. Paths have up to 106 bytes,
     * directories up to 93; while the server starts there are two more files beside the path, which
     * begin with a dot. The peer is known as {@link UnixPeer}. With NIO and io_uring a connection
     * closes at once when its peer has ended its output: what the socket has not taken of the
     * answers by then is lost.
     *
     * @throws IllegalArgumentException if {@code uri} is none of these
     */
    public Builder<I, O> listen(String uri) {
      listenAddresses.add(ListenAddress.parse(uri));
      return this;
    }

    /** How connections get their event loop; {@link LoadBalancing#roundRobin} by default. */
    public Builder<I, O> loadBalancing(LoadBalancing loadBalancing) {
      this.loadBalancing = requireNonNull(loadBalancing, "loadBalancing");
      return this;
    }

    /**
     * How many connections may be open; a further one is closed as soon as it is accepted. By
     * default nine tenths of the process's limit of file descriptors, less 64; 10,000 if that is
     * not known.
     */
    public Builder<I, O> maxConnections(int maxConnections) {
      this.maxConnections = Checks.inRange("maxConnections", maxConnections, 1, Integer.MAX_VALUE);
      return this;
    }

    /**
     * Starts a server that accepts connections on all addresses.
     *
     * @throws IllegalStateException if there is no address, or the transport is not available
     * @throws IllegalArgumentException if two limits contradict each other
     * @throws UncheckedIOException if an address cannot be listened on; none is then
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
