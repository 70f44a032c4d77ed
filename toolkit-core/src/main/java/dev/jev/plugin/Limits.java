package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Plugin;
import dev.jev.PluginHost;
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
 * Limits what peers may do: connect, talk, keep silent, not read.
 *
 * <p>Each limit is off until it is set. What a connection does beyond one is counted, and logged
 * once a second and kind at most. How many connections there may be in all is {@link
 * Server.Builder#maxConnections}.
 *
 * <p>All servers and clients that share an instance share its counts, except for {@link
 * Builder#acceptRate}, which each server has to itself and clients do not have.
 *
 * <p><b>Costs.</b> No timer a connection, except while it is being delayed, and no allocation for a
 * read or a write.
 */
public final class Limits implements Plugin {

  private static final Duration BUDGET_PERIOD = Duration.ofMillis(50);

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

  /** Begins with no limit at all. */
  public static Builder builder() {
    return new Builder();
  }

  /** What happens to a connection that sends faster than it may. */
  public enum RateLimitAction {
    /** Its messages wait: nothing more is delivered or read until the rate allows it. */
    DELAY,
    /** It is closed, with {@link CloseReason.Kind#LIMIT}. */
    CLOSE
  }

  /** How many connections have been refused because there were too many from their network. */
  public long refused() {
    return refused.sum();
  }

  /** How many connections have been closed because of another limit. */
  public long closed() {
    return closed.sum();
  }

  /**
   * How many bytes all connections held when they were last looked at, at most some 50 ms ago; 0
   * without a {@link Builder#bufferBudget}.
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

  // What a connection asks for.

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
    return budget == null ? null : new BufferShare(connection, budget, BUDGET_PERIOD);
  }

  /** Counts a connection from this address, unless that would be one too many. */
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

  /** How many networks have connections that are counted. */
  int networkCount() {
    return connectionCounts.stream().mapToInt(ConnectionCount::networkCount).sum();
  }

  void countClosed() {
    closed.increment();
  }

  void log(String limit, Supplier<String> message) {
    logs.computeIfAbsent(limit, any -> new RateLimitedLog()).warning(message);
  }

  /** The configuration of {@link Limits}; every setter checks its values at once. */
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
     * How many connections one address may have; a further one is closed, with {@link
     * CloseReason.Kind#LIMIT}, before anything is read. Behind a proxy that tells it, the address
     * is that of the proxy's client. Peers that have no IP address are not counted.
     */
    public Builder connectionsPerAddress(int max) {
      return connectionsPerSubnet(max, Integer.SIZE, 4 * Integer.SIZE);
    }

    /**
     * How many connections the addresses that have their first {@code prefix4} bits (IPv4) or
     * {@code prefix6} bits (IPv6) in common may have together; see {@link #connectionsPerAddress}.
     * May be set for several sizes, /64 and /48 for example, since one customer often has that many
     * IPv6 addresses.
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
     * How many connections a server accepts each second, and how many at once after it had less to
     * do. Further ones are delayed, not refused: they wait in the kernel's queue, see {@link
     * Server#pauseAccepting}, as many as the listener's {@code backlog}. A few that are on their
     * way at that moment still come in; the next ones wait for longer. Does not concern clients.
     *
     * @param perSecond 1 to 2<sup>30</sup>
     * @param burst 1 to 2<sup>30</sup>
     */
    public Builder acceptRate(int perSecond, int burst) {
      acceptRate = TokenBucket.of(perSecond, burst);
      return this;
    }

    /**
     * How many messages a connection may send each second, and how many at once after it had sent
     * less. What happens to more is the {@link #onRateExceeded} policy.
     *
     * @param perSecond 1 to 2<sup>30</sup>
     * @param burst 1 to 2<sup>30</sup>
     */
    public Builder messageRate(int perSecond, int burst) {
      messageRate = TokenBucket.of(perSecond, burst);
      return this;
    }

    /**
     * How many bytes a connection may send each second, and how many at once after it had sent
     * less. What happens to more is the {@link #onRateExceeded} policy. One read takes up to 64 KiB
     * from the socket, which all have to be waited for: a smaller burst makes long pauses.
     *
     * @param perSecond 1 to 2<sup>30</sup>
     * @param burst 1 to 2<sup>30</sup>
     */
    public Builder byteRate(int perSecond, int burst) {
      byteRate = TokenBucket.of(perSecond, burst);
      return this;
    }

    /**
     * What happens at {@link #messageRate} and {@link #byteRate}; {@link RateLimitAction#DELAY} by
     * default.
     */
    public Builder onRateExceeded(RateLimitAction action) {
      this.onRateExceeded = requireNonNull(action, "action");
      return this;
    }

    /**
     * Longest time from when a connection is ready for messages until its first one; a connection
     * that is silent for longer closes with {@link CloseReason.Kind#TIMEOUT}. Not bounded by
     * default. The time before is bounded by {@link Server.Builder#handshakeTimeout}.
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
     * Longest time in which output waits and the socket takes nothing of it. Then the connection is
     * closed, with {@link CloseReason.Kind#TIMEOUT}, and the output dropped: never earlier, and at
     * most a quarter later. A peer that reads slowly, but reads, is left alone: with epoll and
     * io_uring one that reads 128 KiB in this time, elsewhere a third of the socket's send buffer.
     *
     * @param timeout 10 ms or more
     */
    public Builder writeStallTimeout(Duration timeout) {
      writeStallTimeout = Checks.timeout("writeStallTimeout", timeout);
      return this;
    }

    /**
     * How many bytes all connections together may hold: {@linkplain Connection#pendingBytes waiting
     * to be written}, or read and not unpacked.
     *
     * <p>From 80 % of it on nothing more is read from the connections that hold the most, until
     * they do not any more; from 95 % on those that hold the most are closed, with {@link
     * CloseReason.Kind#LIMIT}, and what they hold is dropped. Who holds bytes is looked at every 50
     * ms, so it can be exceeded for as long.
     *
     * @param bytes 1 or more
     */
    public Builder bufferBudget(long bytes) {
      bufferBudget = Checks.inRange("bufferBudget", bytes, 1, Long.MAX_VALUE);
      return this;
    }

    /** Makes the plugin. */
    public Limits build() {
      return new Limits(this);
    }
  }
}
