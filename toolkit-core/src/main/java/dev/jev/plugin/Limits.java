package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Limits the connections of peers, the rates at which they connect and send, how long they may be
 * silent, and how much output they may leave unread.
 *
 * <p>Each limit is off until it is set. Violations are counted, and logged at most once per second
 * and kind. The total number of connections is limited by {@link Server.Builder#maxConnections}.
 *
 * <p>All servers and clients that share an instance share its counts. The exception is {@link
 * Builder#acceptRate}: each server has its own, and clients have none.
 *
 * <p><b>Costs.</b> No timer per connection, except while it is delayed, and no allocation per read
 * or write.
 */
public final class Limits implements Plugin {

  private final List<ConnectionCount> connectionCounts;
  private final Map<PluginHost, AcceptGate> gates = new ConcurrentHashMap<>();
  private final @Nullable TokenBucket acceptRate;
  private final @Nullable TokenBucket messageRate;
  private final @Nullable TokenBucket byteRate;
  private final boolean closesAtRate;
  private final Duration firstMessageTimeout; // zero: off
  private final Duration writeStallTimeout; // zero: off
  private final @Nullable BufferBudget budget;
  private final LongAdder refused = new LongAdder();
  private final LongAdder closed = new LongAdder();
  private final Map<String, RateLimitedLog> logs = new ConcurrentHashMap<>();

  private Limits(Builder builder) {
    this.connectionCounts = builder.connectionCounts.stream().map(Supplier::get).toList();
    this.acceptRate = builder.acceptRate;
    this.messageRate = builder.messageRate;
    this.byteRate = builder.byteRate;
    this.closesAtRate = builder.onRateExceeded == RateLimitAction.CLOSE;
    this.firstMessageTimeout = builder.firstMessageTimeout;
    this.writeStallTimeout = builder.writeStallTimeout;
    this.budget = builder.bufferBudget == 0 ? null : new BufferBudget(builder.bufferBudget);
  }

  /** Begins a configuration without any limit. */
  public static Builder builder() {
    return new Builder();
  }

  /** The action for a connection that exceeds a rate. */
  public enum RateLimitAction {
    /** Delays its messages: nothing more is delivered or read until the rate allows it. */
    DELAY,
    /** Closes it, with {@link CloseReason.Kind#LIMIT}. */
    CLOSE
  }

  /**
   * Returns the number of connections that were refused because their address or subnet already had
   * the maximum.
   */
  public long refused() {
    return refused.sum();
  }

  /** Returns the number of connections that were closed because of another limit. */
  public long closed() {
    return closed.sum();
  }

  /**
   * Returns the number of bytes that all connections had buffered at their last check, after their
   * latest read or about 50 ms after their latest write at the latest; 0 without a {@link
   * Builder#bufferBudget}.
   */
  public long bufferedBytes() {
    return budget == null ? 0 : budget.total();
  }

  @Override
  public Stage stage() {
    return Stage.ADMISSION;
  }

  @Override
  public void start(PluginHost host) {
    if (acceptRate != null && host instanceof Server) {
      gates.put(host, new AcceptGate(host, acceptRate));
    }
  }

  @Override
  public void stop(PluginHost host) {
    gates.remove(host);
  }

  @Override
  public Observer install(Link link) {
    AcceptGate gate = gates.get(link.host());
    if (gate != null) {
      gate.accepted();
    }
    LimitedConnection connection = new LimitedConnection(this, link);
    if (!connectionCounts.isEmpty()) {
      link.pipeline().addLast(connection);
    }
    return connection;
  }

  // Called by LimitedConnection.

  @Nullable Throttle newMessageThrottle(LimitContext connection) {
    return messageRate == null
        ? null
        : new Throttle(connection, "message rate", 1, messageRate, closesAtRate);
  }

  @Nullable Throttle newByteThrottle(LimitContext connection) {
    return byteRate == null
        ? null
        : new Throttle(connection, "byte rate", 0, byteRate, closesAtRate);
  }

  @Nullable FirstMessage newFirstMessage(LimitContext connection) {
    return firstMessageTimeout.isZero() ? null : new FirstMessage(connection, firstMessageTimeout);
  }

  @Nullable WriteStall newWriteStall(LimitContext connection) {
    return writeStallTimeout.isZero() ? null : new WriteStall(connection, writeStallTimeout);
  }

  @Nullable BufferShare newBufferShare(LimitContext connection) {
    return budget == null ? null : new BufferShare(connection, budget);
  }

  /** Adds a connection from {@code address}; returns false if a limit is reached. */
  boolean tryAdd(InetAddress address) {
    for (int i = 0; i < connectionCounts.size(); i++) {
      ConnectionCount count = connectionCounts.get(i);
      if (!count.tryAdd(address)) {
        connectionCounts.subList(0, i).forEach(added -> added.remove(address));
        refused.increment();
        log("connections", () -> count.refusal(address));
        return false;
      }
    }
    return true;
  }

  void remove(InetAddress address) {
    connectionCounts.forEach(count -> count.remove(address));
  }

  /** Returns the number of subnets whose connections are counted. */
  int networkCount() {
    return connectionCounts.stream().mapToInt(ConnectionCount::networkCount).sum();
  }

  void countClosed() {
    closed.increment();
  }

  void log(String limit, Supplier<String> message) {
    logs.computeIfAbsent(limit, any -> new RateLimitedLog()).warning(message);
  }

  /** The configuration of {@link Limits}. Every setter checks its values at once. */
  public static final class Builder {

    private static final Duration WRITE_STALL_TIMEOUT = Duration.ofSeconds(10);

    private final List<Supplier<ConnectionCount>> connectionCounts = new ArrayList<>();
    private @Nullable TokenBucket acceptRate;
    private @Nullable TokenBucket messageRate;
    private @Nullable TokenBucket byteRate;
    private RateLimitAction onRateExceeded = RateLimitAction.DELAY;
    private Duration firstMessageTimeout = Duration.ZERO; // off
    private Duration writeStallTimeout = Duration.ZERO; // off
    private long bufferBudget; // 0: off

    private Builder() {}

    /**
     * Sets the maximum number of connections per address. A further connection is closed, with
     * {@link CloseReason.Kind#LIMIT}, before anything is read. Behind a proxy that reports it, the
     * address is that of the proxy's client. Peers without an IP address are not counted.
     */
    public Builder connectionsPerAddress(int max) {
      return connectionsPerSubnet(max, Integer.SIZE, 4 * Integer.SIZE);
    }

    /**
     * Sets the maximum number of connections per subnet: of all addresses that share their first
     * {@code prefix4} bits (IPv4) or {@code prefix6} bits (IPv6); see {@link
     * #connectionsPerAddress}. May be set for several prefix lengths, /64 and /48 for example,
     * since one customer often has that many IPv6 addresses.
     *
     * @param prefix4 1 to 32
     * @param prefix6 1 to 128
     */
    public Builder connectionsPerSubnet(int max, int prefix4, int prefix6) {
      Checks.inRange("max", max, 1, Integer.MAX_VALUE);
      Checks.inRange("prefix4", prefix4, 1, Integer.SIZE);
      Checks.inRange("prefix6", prefix6, 1, 4 * Integer.SIZE);
      connectionCounts.add(() -> new ConnectionCount(max, prefix4, prefix6));
      return this;
    }

    /**
     * Sets the number of connections that a server accepts per second, and the number that it
     * accepts at once after a quiet period. Further connections are delayed, not refused: they wait
     * in the kernel's queue, see {@link Server#pauseAccepting}, up to the listener's {@code
     * backlog}. A few that are already on their way still come in, and make the next ones wait
     * longer. Does not apply to clients.
     *
     * @param perSecond 1 to 2<sup>30</sup>
     * @param burst 1 to 2<sup>30</sup>
     */
    public Builder acceptRate(int perSecond, int burst) {
      acceptRate = TokenBucket.of(perSecond, burst);
      return this;
    }

    /**
     * Sets the number of messages that a connection may send per second, and the number that it may
     * send at once after a quiet period. The {@link #onRateExceeded} action applies to more.
     *
     * @param perSecond 1 to 2<sup>30</sup>
     * @param burst 1 to 2<sup>30</sup>
     */
    public Builder messageRate(int perSecond, int burst) {
      messageRate = TokenBucket.of(perSecond, burst);
      return this;
    }

    /**
     * Sets the number of bytes that a connection may send per second, and the number that it may
     * send at once after a quiet period. The {@link #onRateExceeded} action applies to more. One
     * read takes up to 64 KiB from the socket, all of which count: a smaller burst makes pauses
     * long.
     *
     * @param perSecond 1 to 2<sup>30</sup>
     * @param burst 1 to 2<sup>30</sup>
     */
    public Builder byteRate(int perSecond, int burst) {
      byteRate = TokenBucket.of(perSecond, burst);
      return this;
    }

    /**
     * Sets the action for a connection that exceeds {@link #messageRate} or {@link #byteRate};
     * {@link RateLimitAction#DELAY} by default.
     */
    public Builder onRateExceeded(RateLimitAction action) {
      this.onRateExceeded = requireNonNull(action, "action");
      return this;
    }

    /**
     * Sets the maximum time from when a connection is ready for messages until its first message. A
     * connection that is silent for longer is closed with {@link CloseReason.Kind#TIMEOUT}. Not
     * limited by default. The time before is limited by {@link Server.Builder#handshakeTimeout}.
     *
     * @param timeout 10 ms or more
     */
    public Builder firstMessageTimeout(Duration timeout) {
      firstMessageTimeout = Checks.timeout("firstMessageTimeout", timeout);
      return this;
    }

    /** Sets {@link #writeStallTimeout(Duration)} to 10 s. */
    public Builder writeStallTimeout() {
      return writeStallTimeout(WRITE_STALL_TIMEOUT);
    }

    /**
     * Sets the maximum time for which output may be pending while the socket takes none of it.
     * After that time the connection is closed, with {@link CloseReason.Kind#TIMEOUT}, and its
     * output is dropped: never early, and late by at most a quarter of the timeout. A peer that
     * reads slowly stays connected. It must read 128 KiB in this time with epoll and io_uring, and
     * a third of the socket's send buffer with other transports.
     *
     * @param timeout 10 ms or more
     */
    public Builder writeStallTimeout(Duration timeout) {
      writeStallTimeout = Checks.timeout("writeStallTimeout", timeout);
      return this;
    }

    /**
     * Sets the maximum number of bytes that all connections together may buffer, see {@link
     * Plugin.Link#bufferedBytes}: output that is {@linkplain Connection#pendingBytes pending}, and
     * input that waits to become a message or to be handled. Input counts wherever it is: unread,
     * in a protocol, in a plugin such as {@link Tls} or {@link StreamTransform}, in the queue of an
     * {@linkplain dev.jev.Handler#offload offloaded} handler. A buffer counts with its capacity,
     * and a window of decompression as long as the connection has it.
     *
     * <p>From 80 % of the budget on, nothing more is read from the connections that buffer the
     * most, until they no longer do; if they free nothing within 10 s, for example because they
     * wait for the rest of a message, they are closed. From 95 % on, the connections that buffer
     * the most are closed at once. The reason is {@link CloseReason.Kind#LIMIT}, and the buffered
     * bytes are dropped. Above the budget, nothing more is read from any connection that buffers
     * something.
     *
     * <p>Input is counted after each batch of reads, output every 50 ms. The budget can be exceeded
     * by one batch of each connection: at most 256 KiB, or 512 KiB with their buffer; in a longer
     * message, as much as the connection buffers of it already.
     *
     * <p>Not counted is what a connection costs in any case, and what {@code maxConnections} should
     * bound: its objects and attributes, the state of TLS, and that of zlib and zstd apart from the
     * window. Messages that a handler keeps are not counted either.
     *
     * @param bytes 1 or more
     */
    public Builder bufferBudget(long bytes) {
      bufferBudget = Checks.inRange("bufferBudget", bytes, 1, Long.MAX_VALUE);
      return this;
    }

    /** Returns the plugin. */
    public Limits build() {
      return new Limits(this);
    }
  }
}
