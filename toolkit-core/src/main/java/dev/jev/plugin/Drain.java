package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import java.lang.System.Logger.Level;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Shuts a server down gracefully, on SIGTERM or on request.
 *
 * <p>A drain begins with the shutdown of the JVM, as after SIGTERM, or with {@link #begin}.
 *
 * <pre>
 *   SERVING --begin--&gt; LEAVING --acceptTime--&gt; CLOSING --all closed, or deadline--&gt; ENDED
 * </pre>
 *
 * <p>In the phase {@code LEAVING} the server accepts and serves as before, and {@link #isReady}
 * returns false, so that load balancers have time to notice and to send clients elsewhere. In the
 * phase {@code CLOSING} the listeners are closed, and each connection is closed at a random time
 * within {@code spread}, so that the clients do not all reconnect to another server at once. Output
 * that was sent is written first, and the protocol performs its closing handshake. Connections that
 * are still open at the deadline are cut off. A connection that arrives during the drain is served,
 * and closed within the rest of the spread.
 *
 * <p><b>Immediate close.</b> A second {@link #begin}, or a second SIGTERM or SIGINT, closes all
 * remaining connections at once, and cuts them off 5 s later, or at the deadline if that is
 * earlier. OpenJDK detects the second signal within 20 ms; a JVM that handles signals differently
 * may not detect it.
 *
 * <p><b>Shutdown hook.</b> It is installed when the first server starts, and removed when the last
 * one has stopped. Other hooks run at the same time. One of them shuts the default logging of the
 * JDK down, so that the report may be missing in the log; {@link #ended} has it in any case. After
 * SIGTERM a JVM exits with status 143. To exit with 0, call {@link Runtime#halt} in a stage after
 * {@link #ended}: the hook waits for such stages, at most 5 s. {@link System#exit} has no effect in
 * them, since the JVM is already shutting down.
 *
 * <p>One instance may drain several servers and clients, all at the same time and only once. A
 * client makes no further attempt to connect once the phase {@code CLOSING} has begun.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. A drain in progress has a thread of
 * its own, {@code jev-drain}.
 */
public final class Drain implements Plugin {

  /** The phase of a drain. */
  public enum Phase {
    /** The drain has not begun. */
    SERVING,
    /** The server still accepts connections, but clients should no longer be sent to it. */
    LEAVING,
    /** The listeners are closed, and the connections are being closed one by one. */
    CLOSING,
    /** The servers have stopped. */
    ENDED
  }

  /**
   * The result of a drain.
   *
   * @param closed the number of connections that ended by themselves or were closed in time
   * @param cut the number of connections that were still open at the deadline
   * @param cutPeers the addresses of their peers, at most 100
   * @param duration the time that the drain took
   */
  public record Report(int closed, int cut, List<SocketAddress> cutPeers, Duration duration) {

    /** Copies {@code cutPeers}. */
    public Report {
      cutPeers = List.copyOf(cutPeers);
    }

    @Override
    public String toString() {
      String ended = "drain: " + closed + " connections closed in " + duration.toMillis() + " ms";
      return cut == 0 ? ended : ended + ", " + cut + " cut off: " + cutPeers;
    }
  }

  private static final System.Logger LOGGER = System.getLogger("dev.jev");
  private static final CloseReason STOPPED =
      new CloseReason(CloseReason.Kind.SERVER_STOPPED, /* cause= */ null);
  private static final long FORCED_CLOSE_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final Duration STAGES_TIMEOUT = Duration.ofSeconds(5);
  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
  private static final int MAX_PEERS = 100;

  private final long acceptNanos;
  private final long spreadNanos;
  private final long deadlineNanos;
  private final Consumer<Phase> onPhase;
  private final @Nullable Thread hook;
  private final List<PluginHost> hosts = new CopyOnWriteArrayList<>();
  private final Set<Link> links = ConcurrentHashMap.newKeySet();
  private final AtomicInteger closed = new AtomicInteger(); // since the drain began
  private final CompletableFuture<Report> ended = new CompletableFuture<>();

  // Volatile: read by any thread.
  private volatile Phase phase = Phase.SERVING;
  private volatile long beginNanos;
  private volatile long spreadEnd;
  private volatile boolean forced;
  private volatile @Nullable Thread drainer;

  private Drain(Builder builder) {
    acceptNanos = builder.acceptTime.toNanos();
    spreadNanos = builder.spread.toNanos();
    deadlineNanos = builder.deadline.toNanos();
    onPhase = builder.onPhase;
    hook = builder.onShutdown ? new Thread(this::runHook, "jev-drain-hook") : null;
  }

  /** Begins the configuration of a drain. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Returns whether clients should be sent to this server, for a health check; false once a drain
   * has begun.
   */
  public boolean isReady() {
    return phase == Phase.SERVING;
  }

  /** Returns the current phase. */
  public Phase phase() {
    return phase;
  }

  /**
   * Begins the drain and returns at once. A second call closes all remaining connections at once.
   *
   * @return {@link #ended}
   */
  public CompletionStage<Report> begin() {
    if (!beginOnce()) {
      forced = true;
    }
    return ended();
  }

  /** Returns a stage that completes when the drain has ended and its servers have stopped. */
  public CompletionStage<Report> ended() {
    return ended.minimalCompletionStage();
  }

  /** Returns whether the drain has been started with a server or client that has not stopped. */
  boolean drains(PluginHost host) {
    return hosts.contains(host);
  }

  private synchronized boolean beginOnce() {
    if (phase != Phase.SERVING) {
      return false;
    }
    beginNanos = System.nanoTime();
    phase = Phase.LEAVING;
    try {
      Thread thread = new Thread(this::run, "jev-drain");
      drainer = thread;
      thread.start();
    } catch (Throwable t) { // no thread can be created; the drain can be tried again
      phase = Phase.SERVING;
      throw t;
    }
    return true;
  }

  // Called by the server.

  /**
   * Installs the shutdown hook.
   *
   * @throws IllegalStateException if the drain or the shutdown of the JVM has already begun
   */
  @Override
  public synchronized void start(PluginHost host) {
    if (phase != Phase.SERVING) {
      throw new IllegalStateException("drain has already begun; build a new one");
    }
    if (hook != null && hosts.isEmpty()) {
      Runtime.getRuntime().addShutdownHook(hook);
    }
    hosts.add(host);
  }

  @Override
  public synchronized void stop(PluginHost host) {
    hosts.remove(host);
    if (hook != null && hosts.isEmpty()) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        // The JVM is shutting down and no longer removes hooks.
      }
    }
  }

  @Override
  public Observer install(Link link) {
    links.add(link);
    if (phase == Phase.CLOSING) { // a link added earlier is closed when that phase begins
      closeWithinSpread(link);
    }
    return new Observer() {
      @Override
      public void closed(CloseReason reason) {
        links.remove(link);
        if (phase != Phase.SERVING) {
          closed.incrementAndGet();
        }
      }
    };
  }

  private void closeWithinSpread(Link link) {
    long left = Math.max(spreadEnd - System.nanoTime(), 0);
    long delay = forced ? 0 : ThreadLocalRandom.current().nextLong(left + 1);
    link.connection().runAfter(Duration.ofNanos(delay), () -> link.close(STOPPED));
  }

  // Thread of the shutdown hook.

  private void runHook() {
    if (ended.isDone()) {
      return; // a stage after the end may have begun the shutdown, and must not be waited for
    }
    Signals signals = new Signals();
    beginOnce();
    while (!ended.isDone()) {
      if (signals.anotherArrived()) {
        forced = true;
      }
      LockSupport.parkNanos(this, POLL_NANOS);
    }
    awaitStages();
  }

  /** Waits for the stages after {@link #ended}, which run on the draining thread. */
  private void awaitStages() {
    Thread thread = drainer;
    try {
      if (thread != null) {
        thread.join(STAGES_TIMEOUT.toMillis());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  // Draining thread.

  private void run() {
    List<PluginHost> draining = List.copyOf(hosts);
    try {
      enter(Phase.LEAVING);
      await(() -> forced, acceptNanos);
      draining.forEach(PluginHost::stopAccepting);
      spreadEnd = System.nanoTime() + spreadNanos;
      enter(Phase.CLOSING);
      links.forEach(this::closeWithinSpread);
      await(() -> forced || isEmpty(draining), deadlineNanos);
      if (forced) {
        links.forEach(link -> link.close(STOPPED));
        await(
            () -> isEmpty(draining), Math.min(deadlineNanos, elapsedNanos() + FORCED_CLOSE_NANOS));
      }
    } finally {
      end(draining);
    }
  }

  private void end(List<PluginHost> draining) {
    List<SocketAddress> cut =
        links.stream().map(link -> link.connection().remoteAddress()).toList();
    int inTime = closed.get();
    links.forEach(link -> link.closeNow(STOPPED));
    draining.forEach(host -> host.stop(Duration.ZERO));
    draining.forEach(Drain::awaitStop);
    List<SocketAddress> reported = cut.subList(0, Math.min(cut.size(), MAX_PEERS));
    Report report = new Report(inTime, cut.size(), reported, Duration.ofNanos(elapsedNanos()));
    log(cut.isEmpty() ? Level.INFO : Level.WARNING, report.toString(), null);
    enter(Phase.ENDED);
    ended.complete(report);
  }

  private static void awaitStop(PluginHost host) {
    try {
      host.awaitStop();
    } catch (IllegalStateException e) {
      log(Level.ERROR, "drain: a server failed before it was drained", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private boolean isEmpty(List<PluginHost> draining) {
    return links.isEmpty() && draining.stream().allMatch(host -> host.connectionCount() == 0);
  }

  private long elapsedNanos() {
    return System.nanoTime() - beginNanos;
  }

  /**
   * Waits until {@code condition} holds, at most until {@code end}, in nanoseconds after the
   * beginning.
   */
  private void await(BooleanSupplier condition, long end) {
    for (long left; !condition.getAsBoolean() && (left = end - elapsedNanos()) > 0; ) {
      LockSupport.parkNanos(this, Math.min(left, POLL_NANOS));
    }
  }

  private void enter(Phase now) {
    phase = now;
    try {
      onPhase.accept(now);
    } catch (Throwable t) {
      log(Level.WARNING, "drain: onPhase threw in phase " + now, t);
    }
  }

  private static void log(Level level, String message, @Nullable Throwable cause) {
    try {
      LOGGER.log(level, message, cause);
    } catch (RuntimeException | Error e) {
      // The log has been shut down earlier.
    }
  }

  /** The configuration of a {@link Drain}. Every setter checks its value at once. */
  public static final class Builder {

    private Duration acceptTime = Duration.ofSeconds(5);
    private Duration spread = Duration.ofSeconds(30);
    private Duration deadline = Duration.ofSeconds(60);
    private boolean onShutdown = true;
    private Consumer<Phase> onPhase = phase -> {};

    private Builder() {}

    /**
     * Sets how long the server continues to accept after the beginning of the drain; 5 s by
     * default, zero for not at all.
     */
    public Builder acceptTime(Duration acceptTime) {
      this.acceptTime = Checks.notNegative("acceptTime", acceptTime);
      return this;
    }

    /**
     * Sets the time after {@code acceptTime} within which the connections are closed; 30 s by
     * default.
     */
    public Builder spread(Duration spread) {
      this.spread = Checks.notNegative("spread", spread);
      return this;
    }

    /**
     * Sets the time after the beginning at which connections that are still open are cut off; 60 s
     * by default.
     */
    public Builder deadline(Duration deadline) {
      this.deadline = Checks.positive("deadline", deadline);
      return this;
    }

    /** Installs no shutdown hook: only {@link Drain#begin} begins the drain. */
    public Builder withoutShutdownHook() {
      this.onShutdown = false;
      return this;
    }

    /**
     * Sets a listener that is called at the beginning of each phase, on the draining thread; none
     * by default.
     */
    public Builder onPhase(Consumer<Phase> onPhase) {
      this.onPhase = requireNonNull(onPhase, "onPhase");
      return this;
    }

    /**
     * Returns the plugin.
     *
     * @throws IllegalArgumentException if the deadline is earlier than the end of the spread
     */
    public Drain build() {
      Duration closed = acceptTime.plus(spread);
      if (deadline.compareTo(closed) < 0) {
        throw new IllegalArgumentException(
            "deadline: " + deadline + " (expected: >= acceptTime + spread " + closed + ")");
      }
      return new Drain(this);
    }
  }
}
