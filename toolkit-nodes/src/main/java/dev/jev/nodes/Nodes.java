package dev.jev.nodes;

import static java.util.Objects.requireNonNull;

import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Lease;
import dev.jev.nodes.Backplane.Receiver;
import dev.jev.nodes.Backplane.Record;
import dev.jev.nodes.Backplane.Session;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * This node among the nodes that share topics.
 *
 * <pre>
 *   Nodes nodes = Nodes.builder(Backplane.inProcess()).build();
 *   NodeTopic&lt;String&gt; chat = nodes.topic("chat", TopicKind.log(MessageCodec.utf8(), 1000, age));
 *   Server.builder(...).plugin(nodes).listen("tcp://:9000").start();
 * </pre>
 *
 * <p>A process has one, as a plugin of all its servers. It starts with the first of them and stops
 * with the last. It may be started again.
 */
public final class Nodes implements Plugin {

  /** Time between two attempts to reach the engine. */
  static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private static final Duration ENGINE_TIMEOUT = Duration.ofSeconds(10);
  private static final int THREADS = 2;

  final Outbox.Shared outboxes;
  final NodeCounters counters = new NodeCounters();
  final NodeMembers members = new NodeMembers();
  final NodeTopics topics = new NodeTopics(this);

  private final Backplane backplane;
  private final String name;
  private final Duration lease;
  private final Duration publishTimeout;
  private final Listener listener;
  private final long keptBytes;
  private final NodeCommands commands = new NodeCommands(this);
  private final NodeHealth health = new NodeHealth(this);

  // Guarded by this.
  private int users; // servers, and calls of start

  // Volatile: read by any thread.
  private volatile List<NodeThread> threads = List.of();
  volatile @Nullable Session session;
  volatile boolean running; // takes publications

  private Nodes(Builder builder) {
    this.backplane = builder.backplane;
    this.name = builder.node;
    this.lease = builder.lease;
    this.publishTimeout = builder.publishTimeout;
    this.listener = builder.listener;
    this.keptBytes = builder.keptBytes;
    this.outboxes =
        new Outbox.Shared(
            new SecureRandom().nextLong(),
            publishTimeout.toNanos(),
            new AtomicLong(builder.maxUnsentBytes),
            new AtomicLong());
  }

  /** Returns a builder of a node on this engine. */
  public static Builder builder(Backplane backplane) {
    return new Builder(requireNonNull(backplane, "backplane"));
  }

  /** Returns the name of this node. */
  public String name() {
    return name;
  }

  /**
   * Returns the topic of this name, always the same object while it is in use.
   *
   * @param name at most 200 bytes of UTF-8, without control characters, <code>{</code> and <code>}
   *     </code>
   * @throws IllegalArgumentException if the name is not valid, or the topic is in use with another
   *     kind
   */
  public <O> NodeTopic<O> topic(String name, TopicKind<O> kind) {
    return topics.get(Checks.topic(name), requireNonNull(kind, "kind"));
  }

  /**
   * Closes the connections of a member on all nodes: those with this {@link Presence.Member} id
   * that are subscribed to a topic now. Completes when all nodes have answered, or after 2 s. To
   * ban a member, let the {@link TopicGate} refuse it first.
   *
   * @throws IllegalStateException if the node has not started
   */
  public CompletionStage<Answers> closeMember(String id) {
    session();
    return commands.closeMember(Checks.text("id", id, 1, 200));
  }

  // Starting and stopping.

  /**
   * Starts the node for a process without servers, which publishes only.
   *
   * @throws IllegalStateException if the engine cannot be reached within 10 s
   */
  public void start() {
    synchronized (this) {
      if (users == 0) {
        open();
      }
      users++;
    }
  }

  /**
   * Ends a {@link #start()}; the last one stops the node. Waits at most the {@link
   * Builder#publishTimeout} for publications. Those without an outcome then are {@code UNKNOWN} or
   * {@code REFUSED}.
   */
  public void stop() {
    synchronized (this) {
      if (users > 0 && --users == 0) {
        shutDown();
      }
    }
  }

  @Override
  public void start(PluginHost host) {
    start();
  }

  @Override
  public void stop(PluginHost host) {
    stop();
  }

  private void open() {
    threads =
        IntStream.range(0, THREADS)
            .mapToObj(i -> new NodeThread("jev-node-" + name + "-" + i, keptBytes / THREADS))
            .toList();
    try {
      Session opened =
          backplane
              .open(name, new EngineReceiver())
              .toCompletableFuture()
              .get(ENGINE_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
      session = EngineSession.of(opened, ENGINE_TIMEOUT);
    } catch (ExecutionException | TimeoutException | InterruptedException e) {
      threads.forEach(NodeThread::stop);
      if (e instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
      String reason = cause.getMessage();
      if (e instanceof TimeoutException) {
        reason = "no answer within 10 s";
      } else if (e instanceof InterruptedException) {
        reason = "interrupted";
      }
      throw new IllegalStateException(
          "engine of node " + name + " cannot be reached: " + reason, cause);
    }
    running = true;
    health.reachable(null);
    renew(Set.of(name));
  }

  private void renew(Set<String> known) {
    Session present = session;
    if (present == null) {
      return;
    }
    present
        .renew(lease)
        .whenComplete(
            (answer, failure) ->
                threads.get(0).execute(() -> renewed(known, failure == null ? answer : null)));
  }

  private void renewed(Set<String> known, @Nullable Lease answer) {
    Set<String> alive = answer == null ? known : answer.alive();
    threads.get(0).runAfter(lease.toNanos() / 3, () -> renew(alive));
    if (answer != null && answer.lapsed()) {
      topics.forEachPresence(NodePresence::rejoin);
    }
    commands.nodes(alive);
    alive.stream()
        .filter(node -> !known.contains(node))
        .forEach(node -> tell(to -> to.onNode(node, true)));
    known.stream()
        .filter(node -> !alive.contains(node))
        .forEach(node -> tell(to -> to.onNode(node, false)));
  }

  private void shutDown() {
    running = false;
    boolean interrupted = false;
    try {
      topics.awaitPublished(System.nanoTime() + publishTimeout.toNanos());
    } catch (InterruptedException e) {
      interrupted = true;
    }
    topics.stop();
    threads.forEach(NodeThread::stop);
    for (NodeThread thread : threads) {
      try {
        thread.executor.awaitTermination(ENGINE_TIMEOUT.toNanos(), TimeUnit.NANOSECONDS);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    Session present = session;
    if (present != null) {
      present
          .close(lease)
          .whenComplete(
              (done, failure) -> {
                if (failure != null) {
                  NodeLog.warning("node " + name + " could not take leave of its engine", failure);
                }
              });
    }
    session = null;
    health.stopped();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Returns the health of the engine. */
  public Health health() {
    return health.now;
  }

  /** Returns the counters of this node. */
  public Counts counts() {
    return counters.counts(topics.feeds.size());
  }

  // For the parts of this node.

  /** Tells the listener of an event. */
  void tell(Consumer<Listener> event) {
    NodeLog.run(() -> event.accept(listener));
  }

  /**
   * Checks that the node has not begun to stop.
   *
   * @throws IllegalStateException if it has
   */
  void requireRunning() {
    if (!running) {
      throw new IllegalStateException("node " + name + " has stopped");
    }
  }

  Session session() {
    return requireStarted(session);
  }

  NodeThread thread(String topic) {
    List<NodeThread> present = threads;
    int index = Math.floorMod(topic.hashCode(), THREADS);
    return requireStarted(present.isEmpty() ? null : present.get(index));
  }

  private <T> T requireStarted(@Nullable T part) {
    if (part == null) {
      throw new IllegalStateException("node " + name + " has not started (expected: a server has)");
    }
    return part;
  }

  /** Hands what the engine has to the threads of the topics. */
  private final class EngineReceiver implements Receiver {

    @Override
    public void record(Channel channel, Record record) {
      TopicFeed feed = topics.feeds.get(channel);
      if (feed != null) {
        feed.receive(record);
      }
    }

    @Override
    public void interrupted(Collection<Channel> channels) {
      channels.stream()
          .map(topics.feeds::get)
          .filter(Objects::nonNull)
          .forEach(TopicFeed::interrupted);
    }

    @Override
    public void presence(String topic, long version, Presence.Change change) {
      NodePresence presence = topics.presence(topic);
      if (presence != null) {
        presence.changed(version, change);
      }
    }

    @Override
    public void command(String from, byte[] bytes) {
      threads.get(0).execute(() -> commands.received(from, bytes));
    }

    @Override
    public void reachable(@Nullable Throwable failure) {
      health.reachable(failure);
      if (failure == null) {
        topics.forEachPresence(NodePresence::resync);
      }
    }
  }

  /**
   * The answers of the nodes to a {@link #closeMember}.
   *
   * @param closed the number of connections that they have closed
   * @param nodes the number of nodes that have been asked, this one included
   * @param silent the number of nodes that have not answered in time
   */
  public record Answers(int closed, int nodes, int silent) {}

  /**
   * The health of the engine, as this node sees it.
   *
   * @param since the time since which the engine can or cannot be reached
   * @param reason the reason why it cannot; null if it can
   */
  public record Health(State state, Instant since, @Nullable String reason) {

    /** States of the engine. */
    public enum State {
      /** The engine can be reached. */
      UP,
      /** The engine has been unreachable for less than 10 s. */
      DEGRADED,
      /** The engine has been unreachable for 10 s or more, or the node has not started. */
      DOWN
    }
  }

  /**
   * The numbers of a node so far.
   *
   * @param stored publications with {@link Receipt.Outcome#STORED}, in messages
   * @param sent those with {@code SENT}
   * @param localOnly those with {@code LOCAL_ONLY}
   * @param refused those with {@code REFUSED}
   * @param unknown those with {@code UNKNOWN}
   * @param batches records that were published
   * @param received records that the engine has handed over
   * @param malformed records of another program, which were dropped
   * @param repairs reads after a hole
   * @param repaired messages that these reads have brought
   * @param gaps holes that could not be repaired
   * @param diverged records that this node has delivered and the engine has lost
   * @param lagged times at which the event loops had no room
   * @param resumedHere resumptions that this node answered itself
   * @param resumedByEngine resumptions with a read of the engine
   * @param resumedLost resumptions that had lost messages
   * @param topics topics that the node listens to now
   */
  public record Counts(
      long stored,
      long sent,
      long localOnly,
      long refused,
      long unknown,
      long batches,
      long received,
      long malformed,
      long repairs,
      long repaired,
      long gaps,
      long diverged,
      long lagged,
      long resumedHere,
      long resumedByEngine,
      long resumedLost,
      int topics) {}

  /**
   * Callbacks for events of a node. Called on threads that must not be blocked. All methods have
   * defaults that do nothing.
   */
  public interface Listener {

    /** Called when the subscribers of a log on this node have lost messages. */
    default void onGap(String topic, Position from, Position to) {}

    /** Called when the engine has lost records that this node has delivered. */
    default void onDiverged(String topic, int records) {}

    /** Called when the health has changed. */
    default void onHealth(Health health) {}

    /** Called when another node has appeared, or its lease has ended. */
    default void onNode(String node, boolean alive) {}
  }

  /** Builds a {@link Nodes}. */
  public static final class Builder {

    private final Backplane backplane;
    private String node = UUID.randomUUID().toString().substring(0, 13);
    private Duration lease = Duration.ofSeconds(10);
    private Duration publishTimeout = Duration.ofSeconds(5);
    private long maxUnsentBytes = 64L * 1024 * 1024;
    private long keptBytes = 64L * 1024 * 1024;
    private Listener listener = new Listener() {};

    private Builder(Backplane backplane) {
      this.backplane = backplane;
    }

    /**
     * Sets the name of this node, which must be unique: 1 to 64 bytes of UTF-8. A random one by
     * default.
     *
     * @throws IllegalArgumentException if the length is out of range
     */
    public Builder name(String node) {
      this.node = Checks.text("node", node, 1, 64);
      return this;
    }

    /**
     * Sets the time after which the members of a node that has died leave; 10 s by default, at
     * least 100 ms. The lease is renewed at a third of it.
     *
     * @throws IllegalArgumentException if {@code lease} is out of range
     */
    public Builder lease(Duration lease) {
      this.lease = Checks.duration("lease", lease, Duration.ofMillis(100));
      return this;
    }

    /**
     * Sets the time after which a publication without an answer is {@code REFUSED} or {@code
     * UNKNOWN}; 5 s by default.
     *
     * @throws IllegalArgumentException if {@code timeout} is not positive
     */
    public Builder publishTimeout(Duration timeout) {
      this.publishTimeout = Checks.duration("publishTimeout", timeout, Duration.ofMillis(1));
      return this;
    }

    /**
     * Sets the maximum size of messages that the engine has not taken yet; 64 MiB by default. A
     * topic may have at most 1 MiB of them.
     *
     * @throws IllegalArgumentException if {@code bytes} is less than 1,024 or more than 1 TiB
     */
    public Builder maxUnsentBytes(long bytes) {
      this.maxUnsentBytes = Checks.inRange("maxUnsentBytes", bytes, 1024, 1L << 40);
      return this;
    }

    /**
     * Sets the maximum size of recent messages of logs that are kept on this node for clients that
     * resume; 64 MiB by default. Zero keeps none, so that each resumption asks the engine.
     *
     * @throws IllegalArgumentException if {@code bytes} is negative or more than 1 TiB
     */
    public Builder keptBytes(long bytes) {
      this.keptBytes = Checks.inRange("keptBytes", bytes, 0, 1L << 40);
      return this;
    }

    /** Sets the listener; none by default. */
    public Builder listener(Listener listener) {
      this.listener = requireNonNull(listener, "listener");
      return this;
    }

    /** Returns the node, which starts with the first server that it is a plugin of. */
    public Nodes build() {
      return new Nodes(this);
    }
  }
}
