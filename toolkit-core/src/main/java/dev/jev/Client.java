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
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
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
 * A client that connects to an address and calls a {@link Handler} for the connection, and for
 * later ones if it reconnects.
 *
 * <pre>
 *   Client&lt;String&gt; client =
 *       Client.builder(MyProtocol::new, new MyHandler()).connect("tcp://localhost:5000");
 *   client.connected().thenAccept(connection -&gt; connection.send("hello"));
 * </pre>
 *
 * <p>A client has at most one connection at a time. The connection behaves like one of a {@link
 * Server}: {@link Handler#onConnect} is called when it is ready, {@link Handler#onClose} when it is
 * closed. When the connection is closed, or cannot be established, the client closes itself, unless
 * it is configured to {@linkplain Builder#reconnect reconnect}.
 *
 * <p><b>Plugins.</b> {@link Plugin#start} is called before the first attempt to connect, by the
 * thread that calls {@link Builder#connect}. If it throws, {@code connect} closes the client and
 * throws the same exception. {@link Plugin#stop} is called at the end of the stop, when the
 * connection is closed and the timers are cancelled. {@link PluginHost#stopAccepting} ends the
 * attempts to connect: an open connection stays open, a client without one closes.
 *
 * <p><b>Threads.</b> All methods may be called from any thread, including from callbacks. All
 * connections of a client use the same event loop. A client that is created in a callback, and
 * shares the event loops of that callback, uses the event loop that called it.
 *
 * @param <O> the type of outbound messages
 */
public final class Client<O> implements Scheduler, AutoCloseable {

  private static final Duration CLOSE_GRACE = Duration.ofSeconds(10);

  private static final long LOOP_TIMEOUT_SECONDS = 5; // of closing

  /** The policy for messages that are sent while there is no connection. */
  public enum WhileDisconnected {
    /** Drops the message; {@link Client#send} returns false. The default. */
    REJECT,
    /**
     * Queues the message for the next connection.
     *
     * <p>Queued messages are sent in order, immediately after {@link Handler#onConnect}. The queue
     * holds up to {@code maxPendingBytes}. Each message counts as its length, if that is known,
     * plus 96 bytes. When the queue is full, the new message is dropped, or with {@link
     * OverflowPolicy#DROP_OLDEST} the oldest ones. Closing the client drops all queued messages.
     */
    QUEUE
  }

  private final ClientTargets targets;
  private final Duration connectTimeout;
  private @Nullable ClientBackoff backoff; // null: no reconnect; event loop only
  private final Endpoint endpoint;
  private final PluginHost pluginHost;
  private final ConnectionConfig<?, O> config;
  private final Loop loop;
  private final ClientOutbox<O> outbox;
  private final CompletableFuture<Connection<O>> connected = new CompletableFuture<>();

  // Volatile: read by any thread.
  private volatile boolean closing;
  private volatile @Nullable Connection<O> ready; // from its onConnect to its onClose

  // Event loop only.
  private @Nullable ConnectAttempt attempt;
  private @Nullable Future<?> retry;
  private boolean stopped; // no further attempt to connect
  private @Nullable StreamConnection<?, O> connection; // ready or not
  private @Nullable MessageSink<O> sink; // the ready connection
  private @Nullable Channel udp;
  private long readySince;

  private Client(Builder<?, O> builder, List<ConnectAddress> addresses) {
    this.connectTimeout = builder.connectTimeout;
    this.backoff = builder.newBackoff();
    this.endpoint = builder.newEndpoint("client", new Owner());
    this.config = builder.connectionConfig(endpoint);
    this.loop = endpoint.eventLoops().currentOrNext();
    this.targets = new ClientTargets(addresses, loop, builder.resolver);
    List<String> uris = ClientTargets.uris(addresses);
    this.pluginHost = endpoint.clientHost(uris, () -> loop.run(this::stopConnecting));
    this.outbox = new ClientOutbox<>(builder.whileDisconnected, config, loop.completions());
    endpoint.join();
    try {
      endpoint.startPlugins();
      loop.executor().execute(this::startAttempt); // later, also if this is a callback on the loop
    } catch (Throwable t) {
      close();
      endpoint.requireLoops(t);
      throw t;
    }
  }

  /**
   * Returns a new builder.
   *
   * @param protocols a factory that creates the protocol of each connection; called on the event
   *     loop of the client
   * @param handler the handler of all connections
   * @param <I> the type of inbound messages
   * @param <O> the type of outbound messages
   */
  public static <I, O> Builder<I, O> builder(
      Supplier<? extends Protocol<I, O>> protocols, Handler<? super I, O> handler) {
    return new Builder<>(protocols, handler);
  }

  /**
   * Sends a message to the peer, as {@link Connection#send} does. While there is no connection, the
   * message is dropped or queued, see {@link Builder#whileDisconnected}.
   *
   * <p>An accepted message is still lost if its connection is closed before the message is written.
   *
   * <p><b>Ownership.</b> A reference-counted message is consumed in all cases, including when this
   * method returns false or throws.
   *
   * @return true if the message was accepted
   * @throws IllegalArgumentException if {@link Connection#send} throws it
   */
  public boolean send(O message) {
    return outbox.send(requireNonNull(message, "message"), null) == Outcome.TAKEN;
  }

  /** Sends a message like {@link #send}, and returns its {@link Delivery}. */
  public Delivery deliver(O message) {
    CompletableFuture<Void> written = new CompletableFuture<>();
    Outcome outcome = outbox.send(requireNonNull(message, "message"), written);
    return new Delivery(outcome, written.minimalCompletionStage());
  }

  /**
   * Returns the connection, from its {@code onConnect} to its {@code onClose}; null at other times.
   */
  public @Nullable Connection<O> connection() {
    return ready;
  }

  /** Returns whether there is a connection that is not closing. */
  public boolean isConnected() {
    Connection<O> current = ready;
    return current != null && current.isOpen();
  }

  /**
   * Returns a stage that completes with the first connection, on its event loop, after {@code
   * onConnect}.
   *
   * <p>It completes exceptionally with an {@link IOException} if the client is closed before that,
   * or if the first attempt fails and the client does not reconnect.
   */
  public CompletionStage<Connection<O>> connected() {
    return connected.minimalCompletionStage();
  }

  /** Returns the event loops, which servers and other clients can share. */
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
   * Closes the client permanently. It closes the connection as {@link Connection#close} does, then
   * cancels the timers and ends the client's own event loops. A connection that is still open after
   * 10 s is closed immediately.
   *
   * <p>Waits until the client has stopped, unless called on an event loop.
   */
  @Override
  public void close() {
    closing = true;
    outbox.close();
    loop.run(this::closeConnection);
    endpoint.stop(CLOSE_GRACE);
    if (Loop.current() == null) {
      endpoint.awaitUninterruptibly();
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
              loop,
              targets.address(),
              connectTimeout,
              targets.lookup(),
              this::open,
              new AttemptCallback());
      attempt.start();
    }
  }

  /** Opens a socket and begins to connect it. */
  private ChannelFuture open(SocketAddress address, ChannelHandler handler) throws IOException {
    Transport transport = endpoint.eventLoops().transport();
    SocketAddress remote = ClientSockets.address(transport, address);
    Channel channel = ClientSockets.open(transport, targets.address());
    config.sockets().applyBuffers(channel.config());
    channel.config().setConnectTimeoutMillis(0); // ConnectAttempt has a timeout for all addresses
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
      } else if (ClientSockets.isConnectedToItself(channel)) {
        channel.config().setOption(ChannelOption.SO_LINGER, 0); // frees the port immediately
        channel.close();
        failed(failure("connected to itself", null));
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

  /** Creates the connection of a connected channel. */
  private void adopt(ChannelHandlerContext context) {
    endpoint.admit(Integer.MAX_VALUE);
    StreamConnection<?, O> adopted;
    try {
      adopted = ConnectionFactory.create(config, loop, context.channel());
    } catch (Throwable t) {
      endpoint.unadmit();
      endpoint.forget();
      context.close();
      failed(failure(String.valueOf(t), t));
      return;
    }
    connection = adopted;
    loop.assign();
    context.pipeline().addLast(ConnectionFactory.handler(adopted));
    context.pipeline().remove(context.handler());
    context.fireChannelActive();
  }

  /** Opens a connection on a UDP socket; the kernel drops datagrams from other sources. */
  private void openUdp(ChannelHandlerContext context, DatagramChannel socket) {
    UdpConnection<O> peer = newUdpConnection(config, socket);
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

  private <I> UdpConnection<O> newUdpConnection(
      ConnectionConfig<I, O> typed, DatagramChannel socket) {
    UdpSocket<I, O> handler = new UdpSocket<>(typed, loop, socket, /* amplification= */ 0);
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

  /** Handles a failed attempt to connect, or a connection that was closed before it was ready. */
  private void failed(IOException cause) {
    if (closing) {
      return;
    }
    long nanos = stopped ? -1 : targets.attemptFailed(cause, backoff);
    if (nanos < 0) {
      giveUp(cause);
    } else {
      scheduleAttempt(nanos);
    }
  }

  private void giveUp(IOException cause) {
    connected.completeExceptionally(cause);
    end();
  }

  private IOException failure(String reason, @Nullable Throwable cause) {
    return ConnectAttempt.failure(targets.address(), reason, cause);
  }

  private void connectionLost() {
    if (backoff == null) {
      end();
    } else if (!closing) {
      backoff.connectionLasted(loop.nanoTime() - readySince);
      targets.connectionLost();
      scheduleAttempt(backoff.nextNanos());
    }
  }

  private void scheduleAttempt(long nanos) {
    try {
      retry = loop.executor().schedule(this::startAttempt, nanos, TimeUnit.NANOSECONDS);
    } catch (RejectedExecutionException e) {
      // The event loop has ended, and this client with it.
    }
  }

  private void end() {
    closing = true;
    outbox.close();
    endpoint.stop(Duration.ZERO);
  }

  /** Ends the attempts to connect. A client without a connection closes. */
  private void stopConnecting() {
    backoff = null;
    stopped = true;
    if (connection == null && ready == null && !closing) {
      cancel();
      giveUp(failure("the client has stopped connecting", null));
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

  /** Closes the UDP socket, if any, after it has passed all pending datagrams to the system. */
  private void closeUdp(Runnable then) {
    Channel socket = udp;
    if (socket != null && ready instanceof UdpConnection<O> peer) {
      socket.closeFuture().addListener(closed -> then.run());
      peer.socket().close(socket);
    } else {
      then.run();
    }
  }

  /** Receives the events of the connections, and of the stop. */
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
      sink = current.outbound();
      outbox.connect(current.outbound());
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
        failed(failure("closed before it was ready: " + reason, reason.cause()));
      }
    }

    /** Keeps the client open, since the detached channel needs its event loop. */
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
      loop.run(
          () -> {
            cancel();
            closeUdp(done::countDown);
          });
      try {
        if (!loop.hasEnded()) {
          done.await(LOOP_TIMEOUT_SECONDS, TimeUnit.SECONDS);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    @Override
    public void closed() {
      targets.close();
      connected.completeExceptionally(failure("the client is closed", null));
    }
  }

  /**
   * A builder of {@link Client}.
   *
   * @param <I> the type of inbound messages
   * @param <O> the type of outbound messages
   */
  public static final class Builder<I, O> extends EndpointBuilder<I, O, Builder<I, O>> {

    private Duration connectTimeout = Duration.ofSeconds(10);
    private @Nullable Duration minBackoff; // null: no reconnect
    private Duration maxBackoff = Duration.ofSeconds(30);
    private WhileDisconnected whileDisconnected = WhileDisconnected.REJECT;
    private HostLookup.Resolver resolver = InetAddress::getAllByName;
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
     * Sets the maximum duration of one attempt, from the name lookup to the connected socket and
     * including all addresses of the name; 10 s by default. The {@link #handshakeTimeout} begins
     * when the socket is connected.
     */
    public Builder<I, O> connectTimeout(Duration connectTimeout) {
      this.connectTimeout = Checks.positive("connectTimeout", connectTimeout);
      return this;
    }

    /**
     * Enables {@linkplain #reconnect(Duration, Duration) reconnecting} with a minimum backoff of
     * 100 ms and a maximum of 30 s.
     */
    public Builder<I, O> reconnect() {
      return reconnect(Duration.ofMillis(100), Duration.ofSeconds(30));
    }

    /**
     * Enables reconnecting with exponential backoff and full jitter; disabled by default. The
     * client connects again when an attempt fails or its connection is closed, until the client
     * itself is closed.
     *
     * <p>The delay before each further attempt is random, between zero and a bound. The randomness
     * keeps the clients of a failed server from reconnecting all at once. The bound begins at
     * {@code minBackoff} and doubles with each attempt up to {@code maxBackoff}. After a connection
     * that was ready for longer than the bound, it begins at {@code minBackoff} again.
     *
     * <p>Failed attempts are logged at most once per second and address, for all clients of the
     * process.
     *
     * @param minBackoff the first bound; longer than zero
     * @param maxBackoff the maximum bound; at least {@code minBackoff}
     * @throws IllegalArgumentException if one of them is not longer than zero, or {@code
     *     minBackoff} is longer than {@code maxBackoff}
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
     * Sets the policy for messages that are sent while there is no connection: {@link
     * WhileDisconnected#REJECT}, the default, or {@link WhileDisconnected#QUEUE}.
     */
    public Builder<I, O> whileDisconnected(WhileDisconnected whileDisconnected) {
      this.whileDisconnected = requireNonNull(whileDisconnected, "whileDisconnected");
      return this;
    }

    /** Sets the resolver of host names, for tests. */
    Builder<I, O> resolver(HostLookup.Resolver resolver) {
      this.resolver = resolver;
      return this;
    }

    /** Sets the source of randomness of the backoff, for tests. */
    Builder<I, O> random(LongUnaryOperator random) {
      this.random = random;
      return this;
    }

    @Nullable ClientBackoff newBackoff() {
      return minBackoff == null
          ? null
          : new ClientBackoff(minBackoff.toNanos(), maxBackoff.toNanos(), random);
    }

    /**
     * Creates a client and begins to connect it to the first of several addresses that accepts the
     * connection. Returns immediately; {@link Client#connected} completes when the connection is
     * ready.
     *
     * <pre>
     *   [tcp[4|6]://]host:port
     *   udp[4|6]://host:port
     *   unix:///path or unix:@name
     *   local://name
     * </pre>
     *
     * <p>The default scheme is {@code tcp}, which uses IPv4 and IPv6; {@code tcp4} and {@code tcp6}
     * use one of them. The host is a {@link HostName}, a literal IPv6 address in brackets. Unix
     * sockets and {@code local} are described at {@link Server.Builder#listen}. TLS is a plugin.
     *
     * <p>Every attempt looks the name up again, except while the lookup of an earlier one hangs: it
     * then waits for that. If a name has several addresses, the client tries them in the order of
     * RFC 8305: the next one when one has failed, or after 250 ms, until one connects.
     *
     * <p><b>Several addresses.</b> They take turns: the next one is tried at once when an attempt
     * has failed. The client waits, or without {@link #reconnect} closes, when all have failed.
     * After a lost connection, it waits and begins with the next address.
     *
     * <p><b>UDP.</b> Each datagram is one message. The client sends to the address, and receives
     * from it only. {@code onConnect} and {@code onClose} are not called, and plugins do not see
     * datagrams. A datagram that cannot be sent, for example because no process listens at the
     * address, is lost.
     *
     * @throws IllegalArgumentException if one is not such an address, if the transport does not
     *     support it, or if two limits contradict each other
     * @throws IllegalStateException if the transport is not available, if the shared event loops
     *     are closed, or if the artifacts of Netty on the class path have several versions or one
     *     before 4.2.2
     */
    public Client<O> connect(String uri, String... more) {
      List<ConnectAddress> addresses = ConnectAddress.parseAll(uri, more);
      check();
      addresses.forEach(each -> ClientSockets.check(transport(), each));
      return new Client<>(this, addresses);
    }
  }
}
