package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.channel.WriteBufferWaterMark;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What the configurations of a {@link Server} and of a {@link Client} have in common.
 *
 * <p>Every setter checks its value at once and throws {@link IllegalArgumentException} with the
 * value and what was expected.
 *
 * @param <I> the messages that come in
 * @param <O> the messages that go out
 * @param <B> the type of the builder itself: the one reason why this is a class to inherit from
 */
public abstract class EndpointBuilder<I, O, B extends EndpointBuilder<I, O, B>> {

  private final Supplier<? extends Protocol<I, O>> protocols;
  private final Handler<? super I, O> handler;
  private final List<Plugin> plugins = new ArrayList<>();
  private EventLoops.@Nullable Builder ownLoops;
  private @Nullable EventLoops sharedLoops;
  private int maxFrameBytes = 1024 * 1024;
  private int maxPendingBytes = 1024 * 1024;
  private int lowWatermark = 64 * 1024;
  private int highWatermark = 256 * 1024;
  private OverflowPolicy overflow = OverflowPolicy.CLOSE;
  private Duration handshakeTimeout = Duration.ofSeconds(10);
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

  /** Adds a plugin; up to 30, see {@link Plugin.Stage} for their order. */
  public B plugin(Plugin plugin) {
    requireNonNull(plugin, "plugin");
    Checks.inRange("plugins", plugins.size() + 1, 1, ConnectionObservers.MAX);
    plugins.add(plugin);
    return self();
  }

  /** How bytes are moved; {@link Transport#AUTO} by default. Not with shared event loops. */
  public B transport(Transport transport) {
    ownLoops().transport(transport);
    return self();
  }

  /**
   * How many event loops; by default as many as processors, for a client one. Not with shared event
   * loops.
   */
  public B eventLoops(int eventLoops) {
    ownLoops().count(eventLoops);
    return self();
  }

  /**
   * After how long an event loop that does not come round is reported; 500 ms by default. Not with
   * shared event loops.
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

  /** What the event loops use, or are going to; perhaps AUTO. */
  Transport transport() {
    EventLoops shared = sharedLoops;
    return shared != null ? shared.transport() : ownLoops().transport();
  }

  EventLoops.Builder newOwnLoops() {
    return EventLoops.builder();
  }

  /** Uses event loops that others use too, instead of its own; they outlive it. */
  public B eventLoops(EventLoops eventLoops) {
    this.sharedLoops = requireNonNull(eventLoops, "eventLoops");
    return self();
  }

  /**
   * The longest inbound frame in bytes, header included; 1 MiB by default. A longer one closes the
   * connection with {@link CloseReason.Kind#PROTOCOL_ERROR}.
   */
  public B maxFrameBytes(int maxFrameBytes) {
    this.maxFrameBytes = Checks.inRange("maxFrameBytes", maxFrameBytes, 1, 1 << 30);
    return self();
  }

  /**
   * How many bytes may wait to be written to one peer; 1 MiB by default. A message that is sent
   * when so many wait already meets the {@link #overflow} policy; so there are never more than this
   * and one message.
   */
  public B maxPendingBytes(int maxPendingBytes) {
    this.maxPendingBytes = Checks.inRange("maxPendingBytes", maxPendingBytes, 1, 1 << 30);
    return self();
  }

  /**
   * The marks of back-pressure, in bytes waiting to be written to one peer: above {@code high} the
   * connection is not writable and nothing is read from it, until fewer than {@code low} wait. 64
   * KiB and 256 KiB by default.
   */
  public B writeWatermarks(int low, int high) {
    Checks.inRange("high", high, 1, 1 << 30);
    this.lowWatermark = Checks.inRange("low", low, 1, high);
    this.highWatermark = high;
    return self();
  }

  /** What happens at {@link #maxPendingBytes}; {@link OverflowPolicy#CLOSE} by default. */
  public B overflow(OverflowPolicy overflow) {
    this.overflow = requireNonNull(overflow, "overflow");
    return self();
  }

  /**
   * Longest time from the accept, or from the connect, until all handshakes are over, those of
   * plugins and the protocol's; 10 s by default.
   */
  public B handshakeTimeout(Duration handshakeTimeout) {
    this.handshakeTimeout = Checks.positive("handshakeTimeout", handshakeTimeout);
    return self();
  }

  /** Longest time for writing what is pending when a connection closes; 5 s by default. */
  public B closeTimeout(Duration closeTimeout) {
    this.closeTimeout = Checks.positive("closeTimeout", closeTimeout);
    return self();
  }

  /**
   * How long a connection that closes waits for its peer to close too, after everything is written
   * and the output shut down; 2 s by default. Zero closes at once, and input that is unread then
   * becomes a reset that may cost the peer what it has not read.
   */
  public B lingeringCloseTimeout(Duration lingeringCloseTimeout) {
    this.lingeringCloseTimeout = Checks.notNegative("lingeringCloseTimeout", lingeringCloseTimeout);
    return self();
  }

  /**
   * Whether small writes leave at once instead of waiting for more (TCP_NODELAY); true by default.
   */
  public B tcpNoDelay(boolean tcpNoDelay) {
    this.tcpNoDelay = tcpNoDelay;
    return self();
  }

  /**
   * After how much silence the kernel asks whether the peer is still there (SO_KEEPALIVE), in whole
   * seconds; zero, the default, is never. With NIO and kqueue the time is the system's own.
   */
  public B tcpKeepAlive(Duration tcpKeepAlive) {
    this.tcpKeepAlive = Checks.notNegative("tcpKeepAlive", tcpKeepAlive);
    return self();
  }

  /** The kernel's buffer for output in bytes (SO_SNDBUF); by default the kernel decides. */
  public B sendBufferBytes(int sendBufferBytes) {
    this.sendBufferBytes = Checks.inRange("sendBufferBytes", sendBufferBytes, 1024, 1 << 30);
    return self();
  }

  /** The kernel's buffer for input in bytes (SO_RCVBUF); by default the kernel decides. */
  public B receiveBufferBytes(int receiveBufferBytes) {
    this.receiveBufferBytes =
        Checks.inRange("receiveBufferBytes", receiveBufferBytes, 1024, 1 << 30);
    return self();
  }

  /** Checks what can only be checked together. */
  void check() {
    if (highWatermark > maxPendingBytes) {
      throw new IllegalArgumentException(
          "maxPendingBytes: "
              + maxPendingBytes
              + " (expected: >= high mark "
              + highWatermark
              + ")");
    }
    if (sharedLoops != null && ownLoops != null) {
      throw new IllegalStateException(
          "shared event loops have a number, transport and blockedLoopThreshold of their own;"
              + " set these on EventLoops.builder()");
    }
  }

  /** Makes the server or client be: with the event loops that it is to use, its own or others'. */
  Endpoint newEndpoint(String name, Endpoint.Owner owner) {
    EndpointWarmUp.run();
    EventLoops shared = sharedLoops;
    EventLoops loops = shared != null ? shared : ownLoops().start();
    return new Endpoint(name, loops, /* ownsLoops= */ shared == null, plugins, owner);
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
        handshakeTimeout.toNanos(),
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
