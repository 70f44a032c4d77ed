package dev.jev.nodes;

import static java.util.Objects.requireNonNull;

import dev.jev.Plugin;
import dev.jev.PluginHost;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import java.util.concurrent.CompletionStage;
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
 * <p>A process has one, as a plugin of all its servers. It starts with the first and stops with the
 * last of them.
 */
public final class Nodes implements Plugin {

  private Nodes(Builder builder) {
    requireNonNull(builder.node);
  }

  /** Returns a builder of a node on this engine. */
  public static Builder builder(Backplane backplane) {
    return new Builder(requireNonNull(backplane, "backplane"));
  }

  /** Returns the name of this node. */
  public String name() {
    throw new UnsupportedOperationException();
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
    throw new UnsupportedOperationException();
  }

  /**
   * Closes all connections of a member, on all nodes: those with this {@link Presence.Member} id
   * that are subscribed to a topic. Completes when all nodes have answered, or after 2 s.
   */
  public CompletionStage<Answers> close(String member) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void start(PluginHost host) {}

  @Override
  public void stop(PluginHost host) {}

  /** Returns the health of the engine. */
  public Health health() {
    throw new UnsupportedOperationException();
  }

  /** Returns the counters of this node. */
  public Counts counts() {
    throw new UnsupportedOperationException();
  }

  /**
   * The answers of the nodes to a {@link #close(String)}.
   *
   * @param closed the number of connections that they have closed
   * @param nodes the number of nodes that have been asked, this one included
   * @param silent the number of nodes that have not answered in time
   */
  public record Answers(int closed, int nodes, int silent) {}

  /**
   * The health of the engine, as this node sees it.
   *
   * @param since the time of the last change
   * @param reason the reason why it cannot; null if it can
   */
  public record Health(State state, Instant since, @Nullable String reason) {

    /** States of the engine. */
    public enum State {
      /** The engine can be reached. */
      UP,
      /** The engine cannot be reached for less than 10 s. */
      DEGRADED,
      /** The engine cannot be reached for 10 s or more, or the node has not started. */
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
