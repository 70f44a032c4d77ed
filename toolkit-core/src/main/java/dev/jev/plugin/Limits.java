package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import dev.jev.plugin.LimitValues.PerKey;
import dev.jev.plugin.LimitValues.Prefixes;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Limits the connections of peers, the rates at which they connect and send, how long they may be
 * silent, and how much output they may leave unread.
 *
 * <p>Each limit is off until it is set, and can be {@linkplain #update changed} later. Violations
 * are counted, and logged at most once per second and kind. The total number of connections is
 * limited by {@link Server.Builder#maxConnections}.
 *
 * <p>All servers and clients that share an instance share its counts. The exception is {@link
 * Builder#acceptRate}: each server has its own, and clients have none.
 *
 * <p><b>Costs.</b> No timer per connection, except while it is delayed, and no allocation per read
 * or write.
 */
public final class Limits implements Plugin {

  private final Map<PluginHost, AcceptGate> gates = new ConcurrentHashMap<>();
  private final LongAdder refused = new LongAdder();
  private final LongAdder closed = new LongAdder();
  private final Map<String, RateLimitedLog> logs = new ConcurrentHashMap<>();

  // Volatile: read by any thread. Written while holding this.
  private volatile LimitValues values = LimitValues.OFF;
  private volatile List<ConnectionCount> connectionCounts = List.of();
  private volatile List<KeyedConnections> keyed = List.of();
  private volatile @Nullable BufferBudget budget;

  private Limits(LimitValues values) {
    set(values);
  }

  /** Begins a configuration without any limit. */
  public static Builder builder() {
    return new Builder(LimitValues.OFF);
  }

  /**
   * Changes limits of running servers and clients.
   *
   * <pre>
   *   limits.update(change -&gt; change.messageRate(500, 1_000));
   * </pre>
   *
   * <p>What {@code change} does not set stays as it is. New values hold for the next connection,
   * and for the next message and read of open connections; no connection is closed by the change. A
   * limit that was off holds only for connections that open after the change, and so do the
   * timeouts. Connections per subnet of a new size are counted from the change on. A connection
   * that is delayed when a rate changes stays delayed as the old rate requires.
   *
   * @param change sets the new values. If it throws, nothing changes.
   */
  public void update(Consumer<Builder> change) {
    synchronized (this) {
      Builder changed = new Builder(values);
      change.accept(changed);
      set(changed.values());
    }
  }

  private synchronized void set(LimitValues to) {
    List<ConnectionCount> counts = new ArrayList<>(connectionCounts);
    to.connections().forEach((prefixes, max) -> countOf(prefixes, counts).max(max));
    connectionCounts = List.copyOf(counts);
    to.keyed().forEach(this::setKeyed);
    if (to.bufferBudget() > 0 && budget == null) {
      budget = new BufferBudget(to.bufferBudget());
    } else if (budget != null) {
      budget.limit(to.bufferBudget());
    }
    values = to;
  }

  private void setKeyed(Function<? super Connection<?>, ?> keys, PerKey limit) {
    for (KeyedConnections present : keyed) {
      if (present.keys().equals(keys)) {
        present.limit(limit);
        return;
      }
    }
    List<KeyedConnections> more = new ArrayList<>(keyed);
    more.add(new KeyedConnections(keys, limit));
    keyed = List.copyOf(more);
  }

  private static ConnectionCount countOf(Prefixes prefixes, List<ConnectionCount> counts) {
    for (ConnectionCount count : counts) {
      if (count.prefixes().equals(prefixes)) {
        return count;
      }
    }
    ConnectionCount count = new ConnectionCount(prefixes);
    counts.add(count);
    return count;
  }

  /** The action for a connection that exceeds a rate. */
  public enum RateLimitAction {
    /** Delays its messages: nothing more is delivered or read until the rate allows it. */
    DELAY,
    /** Closes it, with {@link CloseReason.Kind#LIMIT}. */
    CLOSE
  }

  /** The action for a connection beyond the maximum of its key. */
  public enum ConnectionLimitAction {
    /** Closes the new connection, with {@link CloseReason.Kind#LIMIT}. */
    REFUSE,
    /** Closes the oldest connection of the key, with {@link CloseReason.Kind#LIMIT}. */
    CLOSE_OLDEST
  }

  /**
   * Returns the number of connections that were refused because their address, subnet or key
   * already had the maximum.
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
    BufferBudget present = budget;
    return present == null ? 0 : present.total();
  }

  @Override
  public Stage stage() {
    return Stage.ADMISSION;
  }

  @Override
  public void stop(PluginHost host) {
    gates.remove(host);
  }

  @Override
  public Observer install(Link link) {
    if (values.acceptRate() != null && link.host() instanceof Server server) {
      gates.computeIfAbsent(server, host -> new AcceptGate(host, this)).accepted();
    }
    LimitedConnection connection = new LimitedConnection(this, link);
    if (!connectionCounts.isEmpty()) {
      link.pipeline().addLast(connection);
    }
    return connection;
  }

  // Called by LimitedConnection.

  /** Returns the present values. Any thread. */
  LimitValues values() {
    return values;
  }

  @Nullable Throttle newMessageThrottle(LimitContext connection) {
    return values.messageRate() == null
        ? null
        : new Throttle(connection, "message rate", 1, this, LimitValues::messageRate);
  }

  @Nullable Throttle newByteThrottle(LimitContext connection) {
    return values.byteRate() == null
        ? null
        : new Throttle(connection, "byte rate", 0, this, LimitValues::byteRate);
  }

  @Nullable FirstMessage newFirstMessage(LimitContext connection) {
    Duration timeout = values.firstMessageTimeout();
    return timeout.isZero() ? null : new FirstMessage(connection, timeout);
  }

  @Nullable WriteStall newWriteStall(LimitContext connection) {
    Duration timeout = values.writeStallTimeout();
    return timeout.isZero() ? null : new WriteStall(connection, timeout);
  }

  @Nullable BufferShare newBufferShare(LimitContext connection) {
    BufferBudget present = budget;
    return present == null ? null : new BufferShare(connection, present);
  }

  /**
   * Adds a connection from {@code address}; returns where it is counted, or null if a limit is
   * reached.
   */
  @Nullable List<ConnectionCount> tryAdd(InetAddress address) {
    List<ConnectionCount> counts = connectionCounts;
    for (int i = 0; i < counts.size(); i++) {
      ConnectionCount count = counts.get(i);
      if (!count.tryAdd(address)) {
        counts.subList(0, i).forEach(added -> added.remove(address));
        refused.increment();
        log("connections", () -> count.refusal(address));
        return null;
      }
    }
    return counts;
  }

  /** Returns the limits of connections per key. */
  List<KeyedConnections> keyed() {
    return keyed;
  }

  void countRefused() {
    refused.increment();
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

    private final Map<Prefixes, Integer> connections;
    private final Map<Function<? super Connection<?>, ?>, PerKey> keyed;
    private @Nullable TokenBucket acceptRate;
    private @Nullable TokenBucket messageRate;
    private @Nullable TokenBucket byteRate;
    private RateLimitAction onRateExceeded;
    private Duration firstMessageTimeout;
    private Duration writeStallTimeout;
    private long bufferBudget;

    private Builder(LimitValues values) {
      connections = new LinkedHashMap<>(values.connections());
      keyed = new LinkedHashMap<>(values.keyed());
      acceptRate = values.acceptRate();
      messageRate = values.messageRate();
      byteRate = values.byteRate();
      onRateExceeded = values.onRateExceeded();
      firstMessageTimeout = values.firstMessageTimeout();
      writeStallTimeout = values.writeStallTimeout();
      bufferBudget = values.bufferBudget();
    }

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
      connections.put(new Prefixes(prefix4, prefix6), max);
      return this;
    }

    /**
     * Sets the maximum number of connections per key, and refuses more: {@link
     * #connectionsPer(Function, int, ConnectionLimitAction)} with {@link
     * ConnectionLimitAction#REFUSE}.
     */
    public Builder connectionsPer(Function<? super Connection<?>, ?> key, int max) {
      return connectionsPer(key, max, ConnectionLimitAction.REFUSE);
    }

    /**
     * Sets the maximum number of connections per key of the program's choice: {@code
     * connectionsPer(c -> c.attribute(User.class), 3, CLOSE_OLDEST)}. The action closes a
     * connection with {@link CloseReason.Kind#LIMIT} and a text, which a WebSocket sends.
     *
     * <p>{@code key} is called when a connection is ready for messages, before {@link
     * dev.jev.Handler#onConnect}: what it uses has to be there by then, such as an attribute from a
     * WebSocket's upgrade decision, or a certificate. A connection that is refused nevertheless
     * gets {@code onConnect} and {@code onClose}, but no message. Called with several functions,
     * this method sets several limits; called again with the same function object, it changes one.
     *
     * @param key returns an object with {@code equals} and {@code hashCode}, or null for a
     *     connection that is not counted; called on the connection's event loop
     * @param max 1 or more
     */
    public Builder connectionsPer(
        Function<? super Connection<?>, ?> key, int max, ConnectionLimitAction action) {
      Checks.inRange("max", max, 1, Integer.MAX_VALUE);
      keyed.put(requireNonNull(key, "key"), new PerKey(max, requireNonNull(action, "action")));
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
      return new Limits(values());
    }

    private LimitValues values() {
      return new LimitValues(
          connections,
          keyed,
          acceptRate,
          messageRate,
          byteRate,
          onRateExceeded,
          firstMessageTimeout,
          writeStallTimeout,
          bufferBudget);
    }
  }
}
