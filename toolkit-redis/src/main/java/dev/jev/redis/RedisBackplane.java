package dev.jev.redis;

import static java.util.Objects.requireNonNull;

import dev.jev.nodes.Backplane;
import io.lettuce.core.RedisURI;
import io.lettuce.core.cluster.RedisClusterURIUtil;
import java.io.File;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * An engine on Redis 7 or later, or Valkey: a single server, one with Sentinel, or a cluster.
 *
 * <pre>
 *   RedisBackplane.of("redis://127.0.0.1:6379")
 *   RedisBackplane.of("rediss://user:password@redis.example.com")        // with TLS
 *   RedisBackplane.of("redis-sentinel://one,two,three/0#mymaster")
 *   RedisBackplane.of("redis://one:7000,two:7000,three:7000")            // a cluster
 * </pre>
 *
 * <p>A node has two connections to each master, one of them for subscriptions. Once a second a
 * probe tells whether everything that was published arrives. If it does not arrive within 1.2 s, or
 * a connection is lost, both connections are replaced, and the node reads what it has missed.
 *
 * <p><b>Ids.</b> The id of a record has that of the entry in the stream and a mark of the server's
 * process: none is used again, also if the server has lost its data.
 *
 * <p><b>Failover.</b> What a master has not replicated before it fails is lost. The nodes that had
 * received it are told. With {@link Builder#replicas}, a publication is not stored before replicas
 * have confirmed it.
 *
 * <p><b>Threads.</b> Any thread. A node that is open has a thread of its own, and an engine two of
 * Lettuce.
 */
public final class RedisBackplane implements Backplane {

  private final RedisConnections connections;
  private final RedisKeys keys;
  private final Replication replication;
  private final EngineCounters counters = new EngineCounters();
  private final Set<RedisSession> sessions = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  private RedisBackplane(Builder builder) {
    this.connections = new RedisConnections(builder.seeds, builder.trusted);
    this.keys = new RedisKeys(builder.prefix);
    this.replication = builder.replication;
  }

  /**
   * Returns an engine with the default options.
   *
   * @throws IllegalArgumentException see {@link #builder}
   */
  public static RedisBackplane of(String uri) {
    return builder(uri).build();
  }

  /**
   * Returns a builder of an engine.
   *
   * @param uri {@code redis://} or {@code rediss://} with one server or several of a cluster, or
   *     {@code redis-sentinel://} with sentinels and the name of the master; with a password in it
   *     if the servers want one
   * @throws IllegalArgumentException if {@code uri} is not of that form
   */
  public static Builder builder(String uri) {
    return new Builder(requireNonNull(uri, "uri"));
  }

  /**
   * Connects a node.
   *
   * <p>The stage fails with an {@link IllegalStateException} if Redis refuses the password, or
   * cannot be reached within 9 s. A connection that is lost later is replaced, whatever time that
   * takes.
   */
  @Override
  public CompletionStage<Session> open(String node, Receiver receiver) {
    requireNonNull(node, "node");
    requireNonNull(receiver, "receiver");
    if (closed) {
      return CompletableFuture.failedStage(new IllegalStateException("engine closed"));
    }
    sessions.removeIf(each -> !each.isOpen());
    RedisSession session =
        new RedisSession(node, receiver, connections, keys, replication, counters);
    sessions.add(session);
    return session.open();
  }

  /** Returns the counters of this engine so far. */
  public Counts counts() {
    int subscriptions = sessions.stream().mapToInt(RedisSession::subscriptionCount).sum();
    return new Counts(counters.lost.sum(), counters.malformed.sum(), subscriptions);
  }

  /** Ends all sessions, without waiting for that. Their members leave at once. */
  @Override
  public void close() {
    closed = true;
    CompletableFuture<?>[] ends =
        sessions.stream()
            .map(session -> session.close(Duration.ZERO).toCompletableFuture())
            .toArray(CompletableFuture<?>[]::new);
    CompletableFuture.allOf(ends).whenComplete((done, failure) -> connections.close());
  }

  /**
   * The numbers of an engine so far.
   *
   * @param lostConnections connections to masters that were lost or could not be opened
   * @param malformed messages of another program, which were dropped
   * @param subscriptions channels that its nodes are subscribed to now
   */
  public record Counts(long lostConnections, long malformed, int subscriptions) {}

  /** Builds an engine. */
  public static final class Builder {

    private static final Duration COMMAND_TIMEOUT = Duration.ofSeconds(3);
    private static final int MAX_PREFIX_LENGTH = 64;

    private final List<RedisURI> seeds;
    private String prefix = "jev";
    private Replication replication = Replication.NONE;
    private @Nullable File trusted;

    private Builder(String uri) {
      try {
        seeds =
            uri.startsWith("redis-sentinel://") || uri.startsWith("rediss-sentinel://")
                ? List.of(RedisURI.create(uri))
                : List.copyOf(RedisClusterURIUtil.toRedisURIs(URI.create(uri)));
      } catch (IllegalArgumentException | NullPointerException e) {
        throw new IllegalArgumentException(
            "uri: not understood (expected: redis://host:port, rediss://host:port,"
                + " or redis-sentinel://host:port/0#master)",
            e);
      }
      seeds.forEach(seed -> seed.setTimeout(COMMAND_TIMEOUT));
    }

    /**
     * Sets the beginning of all keys and channels; {@code jev} by default. Applications that share
     * a Redis need different ones.
     *
     * @throws IllegalArgumentException if it is empty, longer than 64 characters, or contains other
     *     characters than letters, digits, {@code . _ - :}
     */
    public Builder prefix(String prefix) {
      if (!requireNonNull(prefix, "prefix")
          .matches("[A-Za-z0-9._:-]{1," + MAX_PREFIX_LENGTH + "}")) {
        throw new IllegalArgumentException(
            "prefix: " + prefix + " (expected: 1..64 letters, digits, or . _ - :)");
      }
      this.prefix = prefix;
      return this;
    }

    /**
     * Counts a publication as stored only when replicas have confirmed it; none by default. If they
     * do not within the timeout, the outcome is {@code UNKNOWN}. A publication then takes the time
     * of the replication, and while a replica is missing, none is stored.
     *
     * @param replicas the number of replicas, from 1 to 5
     * @param timeout from 10 ms to 500 ms
     * @throws IllegalArgumentException if an argument is out of range
     */
    public Builder replicas(int replicas, Duration timeout) {
      if (replicas < 1 || replicas > 5) {
        throw new IllegalArgumentException("replicas: " + replicas + " (expected: 1..5)");
      }
      if (timeout.toMillis() < 10 || timeout.toMillis() > 500) {
        throw new IllegalArgumentException("timeout: " + timeout + " (expected: PT0.01S..PT0.5S)");
      }
      this.replication = new Replication(replicas, timeout);
      return this;
    }

    /** Sets the certificates that are trusted, a file in PEM; by default those of the JVM. */
    public Builder trustedCertificates(Path pem) {
      this.trusted = pem.toFile();
      return this;
    }

    /** Builds the engine, which connects when a node is opened. */
    public RedisBackplane build() {
      return new RedisBackplane(this);
    }
  }
}
