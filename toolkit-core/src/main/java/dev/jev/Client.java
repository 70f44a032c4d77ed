package dev.jev;

import static java.util.Objects.requireNonNull;

import dev.jev.Delivery.Outcome;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.DatagramChannel;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.LongUnaryOperator;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Connects to an address and runs a {@link Handler} over that connection, and over the next one if
 * it is lost.
 *
 * <pre>
 *   Client&lt;String&gt; client =
 *       Client.builder(MyProtocol::new, new MyHandler()).connect("tcp://localhost:5000");
 *   client.connected().thenAccept(connection -&gt; connection.send("hello"));
 * </pre>
 *
 * <p>There is one connection at a time, of the same kind as a server's: every one that becomes
 * ready is told to the handler with {@link Handler#onConnect}, and in the end with {@link
 * Handler#onClose}. Unless it is told to {@linkplain Builder#reconnect reconnect}, a client closes
 * itself when its connection is closed or does not come about.
 *
 * <p><b>Threads.</b> All methods may be called from any thread, callbacks included. All connections
 * of a client are on the same event loop; a client that is made in a callback, on the event loops
 * of that callback, is on that very loop.
 *
 * @param <O> the messages that can be sent
 */
public final class Client<O> implements Scheduler, AutoCloseable {

  private static final Duration CLOSE_GRACE = Duration.ofSeconds(10);

  /** How long closing waits for the event loop before it goes on without. */
  private static final long STUCK_SECONDS = 5;

  /** What becomes of messages that are sent while there is no connection. */
  public enum WhileDisconnected {
    /** They are dropped, and {@link Client#send} returns false. The default. */
    REJECT,
    /**
     * They wait, at most {@code maxPendingBytes} of them, for the next connection, and are sent in
     * their order right after its {@link Handler#onConnect}. Each counts as its length, if that can
     * be told, plus 96 bytes. Beyond the limit they are dropped, with {@link
     * OverflowPolicy#DROP_OLDEST} the oldest of them, else the newest. Those that wait when the
     * client is closed are dropped.
     */
    QUEUE
  }

  private final ConnectAddress target;
  private final Duration connectTimeout;
  private final ConnectAttempt.Resolver resolver;
  private @Nullable ClientBackoff backoff; // null: it does not reconnect; event loop only
  private final Endpoint endpoint;
  private final PluginHost pluginHost;
  private final ConnectionConfig<?, O> config;
  private final Loop loop;
  private final ClientOutbox<O> outbox;
  private final RateLimitedLog failures = new RateLimitedLog();
  private final CompletableFuture<Connection<O>> connected = new CompletableFuture<>();

  // Volatile: read by any thread.
  private volatile boolean closing;
  private volatile @Nullable Connection<O> ready; // onConnect was called, onClose was not

  // Event loop only.
  private @Nullable ConnectAttempt attempt;
  private @Nullable Future<?> retry;
  private @Nullable StreamConnection<?, O> connection; // ready or not
  private @Nullable MessageSink<O> sink; // of what is ready
  private @Nullable Channel udp;
  private long readySince;

  private Client(Builder<?, O> builder, ConnectAddress target) {
    this.target = target;
    this.connectTimeout = builder.connectTimeout;
    this.resolver = builder.resolver;
    this.backoff = builder.newBackoff();
    this.endpoint = builder.newEndpoint("client", new Owner());
    this.pluginHost = endpoint.clientHost(() -> onLoop(this::stopConnecting));
    this.config = builder.connectionConfig(endpoint);
    this.loop = endpoint.eventLoops().currentOrNext();
    this.outbox = new ClientOutbox<>(builder.whileDisconnected == WhileDisconnected.QUEUE, config);
    endpoint.join();
    try {
      endpoint.startPlugins();
    } catch (Throwable t) {
      close();
      throw t;
    }
    onLoop(this::startAttempt);
  }

  /**
   * Begins the configuration of a client.
   *
   * @param protocols makes the protocol of each connection, on its event loop
   * @param handler gets the messages of all connections
   * @param <I> the messages that come in
   * @param <O> the messages that go out
   */
  public static <I, O> Builder<I, O> builder(
      Supplier<? extends Protocol<I, O>> protocols, Handler<? super I, O> handler) {
    return new Builder<>(protocols, handler);
  }

  /**
   * Queues a message for the peer, as {@link Connection#send} does. Without a connection it is
   * dropped, or it waits for one, see {@link Builder#whileDisconnected}.
   *
   * <p>A message that was taken can still be lost, with the connection that it was sent on.
   *
   * <p><b>Ownership.</b> A reference-counted message is consumed on every path.
   *
   * @return whether it was taken
   * @throws IllegalArgumentException as {@link Connection#send} does
   */
  public boolean send(O message) {
    return outbox.send(requireNonNull(message, "message"), null) == Outcome.TAKEN;
  }

  /** Queues a message like {@link #send}, and tells what becomes of it. */
  public Delivery deliver(O message) {
    CompletableFuture<Void> written = new CompletableFuture<>();
    Outcome outcome = outbox.send(requireNonNull(message, "message"), written);
    return new Delivery(outcome, written.minimalCompletionStage());
  }

  /** The connection, from its {@code onConnect} to its {@code onClose}; otherwise null. */
  public @Nullable Connection<O> connection() {
    return ready;
  }

  /** Whether there is a connection that is not being closed. */
  public boolean isConnected() {
    Connection<O> current = ready;
    return current != null && current.isOpen();
  }

  /**
   * Completes with the first connection, on its event loop after {@code onConnect}; exceptionally,
   * with an {@link IOException}, if the client is closed before, or if the first attempt fails and
   * the client does not reconnect.
   */
  public CompletionStage<Connection<O>> connected() {
    return connected.minimalCompletionStage();
  }

  /** The event loops, for a server or another client that wants to share them. */
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
   * Closes for good: the connection in the way of {@link Connection#close}, then the timers and the
   * client's own event loops. Waits for the end of that, at most 10 s for the connection, unless
   * called on an event loop.
   */
  @Override
  public void close() {
    closing = true;
    outbox.close();
    onLoop(this::closeConnection);
    endpoint.stop(CLOSE_GRACE);
    if (Loop.current() == null) {
      endpoint.awaitUninterruptibly();
    }
  }

  private void onLoop(Runnable action) {
    if (loop.inEventLoop()) {
      action.run();
      return;
    }
    try {
      loop.executor().execute(action);
    } catch (RejectedExecutionException e) {
      // It has ended, and with it this client.
    }
  }

  // Event loop only.

  private void closeConnection() {
    if (connection != null) {
      connection.close();
    }
  }

  private void startAttempt() {
    retry = null;
    if (!closing) {
      attempt =
          new ConnectAttempt(
              loop, target, connectTimeout, resolver, this::open, new AttemptCallback());
      attempt.start();
    }
  }

  /** Opens a socket and begins to connect it. */
  private ChannelFuture open(SocketAddress address, ChannelHandler handler) throws IOException {
    Transport transport = endpoint.eventLoops().transport();
    SocketAddress remote = ClientSockets.address(transport, address);
    Channel channel = ClientSockets.open(transport, target);
    config.sockets().applyBuffers(channel.config());
    channel.config().setConnectTimeoutMillis(0); // ours is another one
    channel.pipeline().addLast(handler);
    ChannelPromise promise = channel.newPromise();
    loop.executor()
        .register(channel)
        .addListener(
            registered -> {
              if (registered.isSuccess()) {
                channel.connect(remote, promise);
              } else {
                promise.setFailure(registered.cause());
              }
            });
    return promise;
  }

  private final class AttemptCallback implements ConnectAttempt.Callback {

    @Override
    public void connected(ChannelHandlerContext context) {
      attempt = null;
      Channel channel = context.channel();
      if (closing) {
        channel.close();
      } else if (channel instanceof DatagramChannel socket) {
        openUdp(context, socket);
      } else if (isConnectedToItself(channel)) {
        channel.config().setOption(ChannelOption.SO_LINGER, 0); // and free the port at once
        channel.close();
        failed(ConnectAttempt.failure(target, "connected to itself", null));
      } else {
        adopt(context);
      }
    }

    @Override
    public void failed(IOException cause) {
      attempt = null;
      Client.this.failed(cause);
    }
  }

  /**
   * Whether both ends are one socket, which happens when nobody listens on a port of this machine
   * and the kernel takes just that port for this end.
   */
  private static boolean isConnectedToItself(Channel channel) {
    SocketAddress local = channel.localAddress();
    return local instanceof InetSocketAddress && local.equals(channel.remoteAddress());
  }

  /** Makes a connection of a channel. */
  private void adopt(ChannelHandlerContext context) {
    endpoint.admit(Integer.MAX_VALUE);
    StreamConnection<?, O> adopted;
    try {
      adopted = ConnectionFactory.create(config, loop, context.channel());
    } catch (Throwable t) {
      endpoint.unadmit();
      endpoint.forget();
      context.close();
      failed(ConnectAttempt.failure(target, String.valueOf(t), t));
      return;
    }
    connection = adopted;
    loop.assign();
    context.pipeline().addLast(ConnectionFactory.handler(adopted));
    context.pipeline().remove(context.handler());
    context.fireChannelActive();
  }

  /** Sends datagrams and gets those of the peer; the kernel keeps others away. */
  private void openUdp(ChannelHandlerContext context, DatagramChannel socket) {
    UdpConnection<O> peer = udpConnection(config, socket);
    udp = socket;
    context.pipeline().addLast(peer.socket());
    context.pipeline().remove(context.handler());
    socket.closeFuture().addListener(closed -> udpClosed());
    sink = peer;
    ready = peer;
    readySince = loop.nanoTime();
    outbox.connect(peer);
    outbox.drain(peer);
    connected.complete(peer);
  }

  private <I> UdpConnection<O> udpConnection(ConnectionConfig<I, O> of, DatagramChannel socket) {
    UdpSocket<I, O> handler = new UdpSocket<>(of, loop, socket, /* amplification= */ 0);
    return new UdpConnection<>(handler, socket.remoteAddress(), /* allowance= */ Long.MAX_VALUE);
  }

  private void udpClosed() {
    udp = null;
    clearConnection();
    if (!closing) {
      connectionLost();
    }
  }

  private void clearConnection() {
    outbox.disconnect();
    sink = null;
    ready = null;
    connection = null;
  }

  /** An attempt to connect has failed, or its connection was closed before it was ready. */
  private void failed(IOException cause) {
    if (closing) {
      return;
    }
    if (backoff == null) {
      connected.completeExceptionally(cause);
      end();
      return;
    }
    long nanos = retry(backoff);
    failures.warning(
        cause.getMessage() + "; next attempt in " + TimeUnit.NANOSECONDS.toMillis(nanos) + " ms");
  }

  private void connectionLost() {
    if (backoff == null) {
      end();
    } else if (!closing) {
      backoff.connectionLasted(loop.nanoTime() - readySince);
      retry(backoff);
    }
  }

  /** Connects again a little later, and returns how much. */
  private long retry(ClientBackoff waits) {
    long nanos = waits.nextNanos();
    try {
      retry = loop.executor().schedule(this::startAttempt, nanos, TimeUnit.NANOSECONDS);
    } catch (RejectedExecutionException e) {
      // The event loop has ended, and with it this client.
    }
    return nanos;
  }

  private void end() {
    closing = true;
    outbox.close();
    endpoint.stop(Duration.ZERO);
  }

  /** Makes no further attempt; without a connection the client is closed. */
  private void stopConnecting() {
    backoff = null;
    if (connection == null && ready == null && !closing) {
      cancel();
      failed(ConnectAttempt.failure(target, "the client connects no more", null));
    }
  }

  private void cancel() {
    if (attempt != null) {
      attempt.cancel();
      attempt = null;
    }
    if (retry != null) {
      retry.cancel(false);
      retry = null;
    }
  }

  /** Closes after everything sent before was given to the system. */
  private void closeUdp() {
    if (udp != null && ready instanceof UdpConnection<O> peer) {
      peer.socket().run();
      udp.flush();
      udp.close();
    }
  }

  /** Receives the events of the connections and of the stop. */
  private final class Owner implements Endpoint.Owner {

    @Override
    public PluginHost pluginHost() {
      return pluginHost;
    }

    @Override
    public void connecting() {
      StreamConnection<?, O> current = requireNonNull(connection);
      readySince = loop.nanoTime();
      ready = current;
      sink = current;
      outbox.connect(current);
    }

    @Override
    public void connected() {
      Connection<O> current = ready;
      if (sink != null && current != null) {
        outbox.drain(sink);
        connected.complete(current);
      }
    }

    @Override
    public void writable() {
      if (sink != null) {
        outbox.drain(sink);
      }
    }

    @Override
    public void disconnected(CloseReason reason) {
      boolean wasReady = ready != null;
      clearConnection();
      if (wasReady) {
        connectionLost();
      } else {
        failed(
            ConnectAttempt.failure(
                target, "closed before it was ready: " + reason, reason.cause()));
      }
    }

    /** The socket belongs to somebody who needs the event loop; that ends with the client. */
    @Override
    public void detached() {
      clearConnection();
      closing = true;
      outbox.close();
    }

    @Override
    public void closeSockets() {
      closing = true;
      outbox.close();
      CountDownLatch done = new CountDownLatch(1);
      onLoop(
          () -> {
            cancel();
            closeUdp();
            done.countDown();
          });
      try {
        if (!loop.hasEnded()) {
          done.await(STUCK_SECONDS, TimeUnit.SECONDS);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    @Override
    public void closed() {
      connected.completeExceptionally(ConnectAttempt.failure(target, "the client is closed", null));
    }
  }

  /**
   * The configuration of a {@link Client}.
   *
   * @param <I> the messages that come in
   * @param <O> the messages that go out
   */
  public static final class Builder<I, O> extends EndpointBuilder<I, O, Builder<I, O>> {

    private Duration connectTimeout = Duration.ofSeconds(10);
    private @Nullable Duration minBackoff; // null: no reconnect
    private Duration maxBackoff = Duration.ofSeconds(30);
    private WhileDisconnected whileDisconnected = WhileDisconnected.REJECT;
    private ConnectAttempt.Resolver resolver = InetAddress::getAllByName;
    private LongUnaryOperator random = bound -> ThreadLocalRandom.current().nextLong(bound);

    private Builder(Supplier<? extends Protocol<I, O>> protocols, Handler<? super I, O> handler) {
      super(protocols, handler);
    }

    @Override
    Builder<I, O> self() {
      return this;
    }

    @Override
    EventLoops.Builder newOwnLoops() {
      return EventLoops.builder().count(1);
    }

    /**
     * Longest time for one attempt, from the name to a connected socket, however many addresses the
     * name has; 10 s by default. The {@link #handshakeTimeout} begins then.
     */
    public Builder<I, O> connectTimeout(Duration connectTimeout) {
      this.connectTimeout = Checks.positive("connectTimeout", connectTimeout);
      return this;
    }

    /** {@link #reconnect(Duration, Duration)} after at most 100 ms at first, and 30 s later. */
    public Builder<I, O> reconnect() {
      return reconnect(Duration.ofMillis(100), Duration.ofSeconds(30));
    }

    /**
     * Connects again when an attempt has failed or the connection is closed, until the client is;
     * by default it does not.
     *
     * <p>It waits before each attempt, for a random time from zero to a bound: so clients that have
     * lost the same server do not come back all at once. The bound is {@code minBackoff}, doubles
     * with each attempt up to {@code maxBackoff}, and is {@code minBackoff} again after a
     * connection that was ready for longer than the bound. Attempts that fail are logged, at most
     * once a second.
     */
    public Builder<I, O> reconnect(Duration minBackoff, Duration maxBackoff) {
      this.minBackoff = Checks.positive("minBackoff", minBackoff);
      this.maxBackoff = Checks.positive("maxBackoff", maxBackoff);
      if (minBackoff.compareTo(maxBackoff) > 0) {
        throw new IllegalArgumentException(
            "minBackoff: " + minBackoff + " (expected: <= maxBackoff " + maxBackoff + ")");
      }
      return this;
    }

    /**
     * What happens to messages without a connection; {@link WhileDisconnected#REJECT} by default.
     */
    public Builder<I, O> whileDisconnected(WhileDisconnected whileDisconnected) {
      this.whileDisconnected = requireNonNull(whileDisconnected, "whileDisconnected");
      return this;
    }

    /** How names become addresses, for tests. */
    Builder<I, O> resolver(ConnectAttempt.Resolver resolver) {
      this.resolver = resolver;
      return this;
    }

    /** What decides about the waits, for tests. */
    Builder<I, O> random(LongUnaryOperator random) {
      this.random = random;
      return this;
    }

    private @Nullable ClientBackoff newBackoff() {
      return minBackoff == null
          ? null
          : new ClientBackoff(minBackoff.toNanos(), maxBackoff.toNanos(), random);
    }

    /**
     * Makes a client and begins to connect it, to {@code
     * [tcp|tcp4|tcp6|udp|udp4|udp6]://host:port}, {@code unix:///path}, {@code unix:@name} or
     * {@code local://name}; returns at once.
     *
     * <p>Without a scheme it is {@code tcp}, which takes IPv4 and IPv6; {@code tcp4} and {@code
     * tcp6} take one of them. A literal IPv6 address stands in brackets. The addresses of a name
     * are looked up for each attempt; if there are several, they are tried in the order of RFC
     * 8305, a further one every 250 ms until one connects. For {@code unix} and {@code local} see
     * {@link Server.Builder#listen}. TLS is a plugin.
     *
     * <p>With {@code udp} each datagram is a message, to the address and from it; those of others
     * are not delivered. There is no {@code onConnect} and no {@code onClose}, and plugins do not
     * see datagrams. What cannot be sent, because nobody listens there for example, is lost.
     *
     * @throws IllegalArgumentException if that is no such address, the transport has no such
     *     sockets, or two limits contradict each other
     * @throws IllegalStateException if the transport is not available, or the shared event loops
     *     are closed
     */
    public Client<O> connect(String uri) {
      ConnectAddress target = ConnectAddress.parse(uri);
      check();
      ClientSockets.check(transport(), target);
      return new Client<>(this, target);
    }
  }
}
