package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.channel.WriteBufferWaterMark;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The common options of {@link Server.Builder} and {@link Client.Builder}.
 *
 * <p>Every setter checks its argument immediately. It throws {@link IllegalArgumentException} with
 * the actual and the expected value.
 *
 * @param <I> the type of inbound messages
 * @param <O> the type of outbound messages
 * @param <B> the type of the builder, which the setters return. This is the only reason for a
 *     superclass.
 */
public abstract class EndpointBuilder<I, O, B extends EndpointBuilder<I, O, B>> {

  final Supplier<? extends Protocol<I, O>> protocols;
  private Handler<? super I, O> handler;
  private final List<Plugin> plugins = new ArrayList<>();
  private @Nullable String name;
  private EventLoops.@Nullable Builder ownLoops;
  private @Nullable EventLoops sharedLoops;
  private int maxFrameBytes = 1024 * 1024;
  private int maxPendingBytes = 1024 * 1024;
  private int lowWatermark = 64 * 1024;
  private int highWatermark = 256 * 1024;
  private OverflowPolicy overflow = OverflowPolicy.CLOSE;
  private boolean closeOnPackFailure;
  private Duration handshakeTimeout = Duration.ofSeconds(10);
  private Duration frameTimeout = Duration.ofSeconds(30);
  private Duration closeTimeout = Duration.ofSeconds(5);
  private Duration lingeringCloseTimeout = Duration.ofSeconds(2);
  private boolean tcpNoDelay = true;
  private Duration tcpKeepAlive = Duration.ZERO;
  private int sendBufferBytes;
  private int receiveBufferBytes;

  EndpointBuilder(Supplier<? extends Protocol<I, O>> protocols, Handler<? super I, O> handler) {
    this.protocols = requireNonNull(protocols, "protocols");
    this.handler = requireNonNull(handler, "handler");
  }

  abstract B self();

  /**
   * Sets the name in metrics, management tools and log messages; "server" or "client" by default.
   * Servers of one process should have different names. Own event loops have it as well, see {@link
   * EventLoops.Builder#name}.
   */
  public B name(String name) {
    this.name = Checks.notBlank("name", name);
    return self();
  }

  /** Adds a plugin; at most 30. {@link Plugin.Stage} determines their order. */
  public B plugin(Plugin plugin) {
    requireNonNull(plugin, "plugin");
    Checks.inRange("plugins", plugins.size() + 1, 1, ConnectionObservers.MAX);
    plugins.add(plugin);
    return self();
  }

  /**
   * Calls the handler on the threads of {@code executor}, as {@link Handler#offload} does. Has no
   * effect if the handler is offloaded already.
   *
   * @throws IllegalArgumentException if {@code executor} drops tasks
   */
  public B offload(Executor executor) {
    if (!(handler instanceof OffloadedHandler)) {
      handler = handler.offload(executor);
    }
    return self();
  }

  /**
   * Removes the plugins that match and were added before, for example to add one with other options
   * in their place.
   */
  public B removePlugins(Predicate<? super Plugin> filter) {
    plugins.removeIf(filter);
    return self();
  }

  /**
   * Sets the transport; {@link Transport#AUTO} by default. Cannot be combined with shared event
   * loops.
   */
  public B transport(Transport transport) {
    ownLoops().transport(transport);
    return self();
  }

  /**
   * Sets the number of event loops. The default is the number of processors for a server, and 1 for
   * a client. Cannot be combined with shared event loops.
   */
  public B eventLoops(int eventLoops) {
    ownLoops().count(eventLoops);
    return self();
  }

  /**
   * Sets the time after which a blocked event loop is reported; 500 ms by default. Cannot be
   * combined with shared event loops.
   */
  public B blockedLoopThreshold(Duration blockedLoopThreshold) {
    ownLoops().blockedLoopThreshold(blockedLoopThreshold);
    return self();
  }

  private EventLoops.Builder ownLoops() {
    if (ownLoops == null) {
      ownLoops = newOwnLoops();
    }
    return ownLoops;
  }

  /** Returns the transport of the event loops, or the configured one, which may be AUTO. */
  Transport transport() {
    EventLoops shared = sharedLoops;
    return shared != null ? shared.transport() : ownLoops().transport();
  }

  EventLoops.Builder newOwnLoops() {
    return EventLoops.builder();
  }

  /**
   * Uses shared event loops instead of own ones. They keep running after the server or client has
   * stopped.
   */
  public B eventLoops(EventLoops eventLoops) {
    this.sharedLoops = requireNonNull(eventLoops, "eventLoops");
    return self();
  }

  /**
   * Sets the maximum length of an inbound frame in bytes, including its header; 1 MiB by default. A
   * longer frame closes the connection with {@link CloseReason.Kind#PROTOCOL_ERROR}.
   */
  public B maxFrameBytes(int maxFrameBytes) {
    this.maxFrameBytes = Checks.inRange("maxFrameBytes", maxFrameBytes, 1, 1 << 30);
    return self();
  }

  /**
   * Sets the maximum number of pending bytes per connection, which are sent and not yet written; 1
   * MiB by default. The {@link #overflow} policy applies to a message that is sent when the limit
   * is reached. Pending output therefore exceeds the limit by at most one message.
   */
  public B maxPendingBytes(int maxPendingBytes) {
    this.maxPendingBytes = Checks.inRange("maxPendingBytes", maxPendingBytes, 1, 1 << 30);
    return self();
  }

  /**
   * Sets the watermarks of back-pressure, in pending bytes per connection; 64 KiB and 256 KiB by
   * default.
   *
   * @param low the low watermark: below it the connection becomes writable and is read from again
   * @param high the high watermark: above it the connection is not writable and is not read from
   */
  public B writeWatermarks(int low, int high) {
    Checks.inRange("high", high, 1, 1 << 30);
    this.lowWatermark = Checks.inRange("low", low, 1, high);
    this.highWatermark = high;
    return self();
  }

  /**
   * Sets the policy that applies at {@link #maxPendingBytes}; {@link OverflowPolicy#CLOSE} by
   * default.
   */
  public B overflow(OverflowPolicy overflow) {
    this.overflow = requireNonNull(overflow, "overflow");
    return self();
  }

  /**
   * Sets whether a connection closes with {@link CloseReason.Kind#HANDLER_ERROR} when a message
   * that another thread has sent cannot be packed; false by default.
   *
   * <p>By default, such a message is dropped and logged, and the future of its {@link Delivery}
   * fails. The same applies to a message that a client has queued while it was disconnected. On the
   * event loop of the connection the caller of {@link Connection#send} gets the exception, and this
   * option has no effect; nor has it for datagrams.
   */
  public B closeOnPackFailure(boolean closeOnPackFailure) {
    this.closeOnPackFailure = closeOnPackFailure;
    return self();
  }

  /**
   * Sets the maximum time from the accept or connect until all handshakes are complete, those of
   * the plugins and that of the protocol; 10 s by default.
   */
  public B handshakeTimeout(Duration handshakeTimeout) {
    this.handshakeTimeout = Checks.positive("handshakeTimeout", handshakeTimeout);
    return self();
  }

  /**
   * Sets the maximum time for which an inbound frame may be incomplete; 30 s by default, and 1 s
   * more per KiB received of the frame. A frame that takes longer closes the connection with {@link
   * CloseReason.Kind#TIMEOUT}. So a peer cannot keep a connection, and the memory of a frame, by
   * sending one byte from time to time.
   *
   * <p>The time begins with the read that has the first byte of the frame, and ends with the
   * message. Time in which reading is paused does not count. Zero disables the timeout; the maximum
   * is ten years. Not used for datagrams.
   */
  public B frameTimeout(Duration frameTimeout) {
    this.frameTimeout = Checks.notNegative("frameTimeout", frameTimeout);
    return self();
  }

  /**
   * Sets the maximum time for writing the pending output of a closing connection; 5 s by default.
   */
  public B closeTimeout(Duration closeTimeout) {
    this.closeTimeout = Checks.positive("closeTimeout", closeTimeout);
    return self();
  }

  /**
   * Sets the time that a closing connection waits for its peer to close, after all output is
   * written and the output is shut down; 2 s by default.
   *
   * <p>Zero closes the socket immediately. If there is unread input then, the kernel resets the
   * connection, and the peer may lose output that it has not read.
   */
  public B lingeringCloseTimeout(Duration lingeringCloseTimeout) {
    this.lingeringCloseTimeout = Checks.notNegative("lingeringCloseTimeout", lingeringCloseTimeout);
    return self();
  }

  /**
   * Sets whether small writes are sent immediately instead of being delayed (TCP_NODELAY); true by
   * default.
   */
  public B tcpNoDelay(boolean tcpNoDelay) {
    this.tcpNoDelay = tcpNoDelay;
    return self();
  }

  /**
   * Enables keep-alive probes (SO_KEEPALIVE) after the given idle time, in whole seconds and at
   * least 1 s; zero, the default, disables them. With NIO and kqueue, the system determines the
   * idle time.
   */
  public B tcpKeepAlive(Duration tcpKeepAlive) {
    this.tcpKeepAlive = Checks.notNegative("tcpKeepAlive", tcpKeepAlive);
    return self();
  }

  /**
   * Sets the size of the kernel's send buffer in bytes (SO_SNDBUF); chosen by the kernel by
   * default.
   */
  public B sendBufferBytes(int sendBufferBytes) {
    this.sendBufferBytes = Checks.inRange("sendBufferBytes", sendBufferBytes, 1024, 1 << 30);
    return self();
  }

  /**
   * Sets the size of the kernel's receive buffer in bytes (SO_RCVBUF); chosen by the kernel by
   * default.
   */
  public B receiveBufferBytes(int receiveBufferBytes) {
    this.receiveBufferBytes =
        Checks.inRange("receiveBufferBytes", receiveBufferBytes, 1024, 1 << 30);
    return self();
  }

  /** Checks the options that depend on each other. */
  void check() {
    if (highWatermark > maxPendingBytes) {
      throw new IllegalArgumentException(
          "maxPendingBytes: "
              + maxPendingBytes
              + " (expected: >= high watermark "
              + highWatermark
              + ")");
    }
    if (sharedLoops != null && ownLoops != null) {
      throw new IllegalStateException(
          "shared event loops have their own count, transport and blockedLoopThreshold;"
              + " set these on EventLoops.builder()");
    }
  }

  /** Creates the endpoint, with the shared event loops or with its own. */
  Endpoint newEndpoint(String kind, Endpoint.Owner owner) {
    NettyArtifacts.check();
    EndpointWarmUp.run();
    EventLoops shared = sharedLoops;
    EventLoops loops = shared != null ? shared : startOwnLoops();
    String label = name == null ? kind : name;
    return new Endpoint(kind, label, loops, /* ownsLoops= */ shared == null, plugins, owner);
  }

  private EventLoops startOwnLoops() {
    EventLoops.Builder own = ownLoops();
    if (name != null) {
      own.name(name);
    }
    return own.start();
  }

  ConnectionConfig<I, O> connectionConfig(ConnectionHost host) {
    return new ConnectionConfig<>(
        host,
        protocols,
        handler,
        maxFrameBytes,
        maxPendingBytes,
        new WriteBufferWaterMark(lowWatermark, highWatermark),
        overflow,
        closeOnPackFailure,
        handshakeTimeout.toNanos(),
        frameTimeout.toNanos(),
        closeTimeout.toNanos(),
        lingeringCloseTimeout.toNanos(),
        new SocketOptions(
            tcpNoDelay,
            tcpKeepAlive.isZero() ? 0 : (int) Math.max(1, tcpKeepAlive.toSeconds()),
            sendBufferBytes,
            receiveBufferBytes),
        new RateLimitedLog());
  }
}
