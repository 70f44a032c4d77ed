package dev.jev.redis;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNullElse;

import dev.jev.redis.RedisError.EngineException;
import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.RedisURI;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.api.StatefulConnection;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import io.lettuce.core.pubsub.api.async.RedisPubSubAsyncCommands;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The two connections of a node to a master: for commands, and for subscriptions.
 *
 * <p>They live and die together. If one fails, both are closed and others take their place, since
 * it is only known of both together that nothing is missed: a probe that is sent on one arrives on
 * the other, behind everything that the master has published before. It is sent once a second, and
 * a link whose probe does not arrive is broken, whatever its connections seem to be.
 *
 * <p>Used by the loop of the node only, except where noted.
 */
final class MasterLink {

  static final long PROBE_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final long PROBE_TIMEOUT_NANOS = TimeUnit.MILLISECONDS.toNanos(1200);
  private static final long OPEN_TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(5);
  private static final int CHANNELS_PER_COMMAND = 512;

  /** The node, as its connections see it. Called on its loop, except where noted. */
  interface Owner {

    void execute(Runnable task);

    /** Called when the master can be used: the first probe has arrived. */
    void connected(MasterLink link);

    /** Called once when a connection is lost, or none came about. */
    void broken(MasterLink link, Throwable cause);

    /** Called when the master has ended a subscription, since it has no longer its keys. */
    void unsubscribed(MasterLink link, String key);

    /** Called with a message, on a thread of the connection. */
    void message(MasterLink link, String key, byte[] message);
  }

  /** A publication that replicas have not confirmed yet. */
  private record Unconfirmed(CompletionStage<Object> stored, CompletableFuture<Object> result) {

    void end(long confirmed, Replication wanted) {
      stored.whenComplete(
          (answer, failure) -> {
            if (failure != null) {
              result.completeExceptionally(failure);
            } else if (confirmed < wanted.replicas()) {
              result.completeExceptionally(wanted.missed(confirmed));
            } else {
              result.complete(answer);
            }
          });
    }
  }

  private enum State {
    OPENING,
    CONNECTED,
    BROKEN
  }

  private final Owner owner;
  private final String address;
  private final Replication replication;
  private final long openedAt = System.nanoTime();
  private final Map<String, Integer> unsubscribing = new HashMap<>(); // answers to come
  private final Set<Call<?>> unanswered = ConcurrentHashMap.newKeySet(); // any thread

  private State state = State.OPENING;
  private @Nullable StatefulRedisConnection<String, byte[]> commands;
  private @Nullable StatefulRedisPubSubConnection<String, byte[]> subscriber;
  private @Nullable ServerFacts facts;
  private boolean unflushed;
  private List<Unconfirmed> unconfirmed = new ArrayList<>(0);
  private boolean confirming;

  private volatile @Nullable String probeKey; // read by threads of the connection
  private long probe;
  private long probeSentAt;
  private boolean probeArrived;

  /**
   * Creates a link, which is opened.
   *
   * @param address the address for messages, without credentials
   */
  MasterLink(Owner owner, String address, Replication replication) {
    this.owner = owner;
    this.address = address;
    this.replication = replication;
  }

  String address() {
    return address;
  }

  boolean isConnected() {
    return state == State.CONNECTED;
  }

  /** Returns what is known of the server of a link that is connected. */
  ServerFacts facts() {
    ServerFacts present = facts;
    if (present == null) {
      throw new IllegalStateException(address + " is not connected");
    }
    return present;
  }

  // Opening.

  /**
   * Opens the connections.
   *
   * @param probeKey the channel of the first probe, whose keys the master has
   */
  void open(RedisConnections connections, RedisURI uri, String probeKey) {
    this.probeKey = probeKey;
    CompletableFuture<?> first =
        connections
            .connect(uri)
            .thenAccept(c -> owner.execute(() -> hold(c)))
            .toCompletableFuture();
    CompletableFuture<?> second =
        connections
            .connectPubSub(uri)
            .thenAccept(c -> owner.execute(() -> listen(c)))
            .toCompletableFuture();
    CompletableFuture.allOf(first, second).whenComplete(onLoop(done -> inspect()));
  }

  private void hold(StatefulRedisConnection<String, byte[]> connection) {
    commands = connection;
    closeWithOther(connection);
  }

  private void listen(StatefulRedisPubSubConnection<String, byte[]> connection) {
    subscriber = connection;
    connection.addListener(new Messages());
    closeWithOther(connection);
  }

  private void closeWithOther(StatefulConnection<String, byte[]> connection) {
    connection.addListener(
        new RedisConnectionStateListener() {
          @Override
          public void onRedisDisconnected(RedisChannelHandler<?, ?> handler) {
            owner.execute(
                () -> fail(new EngineException("connection to " + address + " lost", null)));
          }
        });
    if (state == State.BROKEN) {
      close(connection);
    } else if (!connection.isOpen()) {
      fail(new EngineException("connection to " + address + " lost", null));
    }
  }

  /** Looks whether both connections lead to the same master. */
  private void inspect() {
    CompletableFuture<String> first = commands().info().toCompletableFuture();
    CompletableFuture<String> second = subscriber().info().toCompletableFuture();
    CompletableFuture.allOf(first, second)
        .whenComplete(onLoop(done -> inspected(first.join(), second.join())));
  }

  private void inspected(String first, String second) {
    ServerFacts server = ServerFacts.parse(first);
    String other = ServerFacts.parse(second).process();
    if (!server.isRecent()) {
      throw new EngineException(
          "redis_version of " + address + ": " + server.version() + " (expected: >= 7.0)", null);
    }
    if (!server.isMaster() || !server.process().equals(other)) {
      throw new EngineException(address + " is no master, or is being replaced", null);
    }
    facts = server;
    List<CompletableFuture<?>> loads = new ArrayList<>();
    for (RedisScript script : RedisScript.values()) {
      loads.add(commands().scriptLoad(script.source()).toCompletableFuture());
    }
    loads.add(subscriber().ssubscribe(probeKey()).toCompletableFuture());
    CompletableFuture.allOf(loads.toArray(new CompletableFuture<?>[0]))
        .whenComplete(onLoop(done -> beginProbes()));
  }

  private void beginProbes() {
    if (commands != null) {
      commands.setAutoFlushCommands(false);
    }
    sendProbe();
  }

  // Probes.

  private void sendProbe() {
    probeArrived = false;
    probeSentAt = System.nanoTime();
    byte[] number = Long.toString(++probe).getBytes(UTF_8);
    eval(RedisScript.PROBE, List.of(probeKey()), number).whenComplete(onLoop(answer -> {}));
    flush();
  }

  private void probeArrived(byte[] message) {
    if (!new String(message, UTF_8).equals(Long.toString(probe))) {
      return;
    }
    probeArrived = true;
    if (state == State.OPENING) {
      state = State.CONNECTED;
      owner.connected(this);
    }
  }

  /**
   * Sends a probe if it is time, and breaks the link if the last one has not arrived.
   *
   * @param delay the time by which this call is late, in nanoseconds: probes are late by as much
   */
  void tick(long now, long delay) {
    probeSentAt += delay;
    if (state == State.OPENING && now - openedAt > OPEN_TIMEOUT_NANOS) {
      fail(new EngineException("no answer of " + address + " within 5 s", null));
    } else if (state == State.CONNECTED
        && !probeArrived
        && now - probeSentAt > PROBE_TIMEOUT_NANOS) {
      fail(new EngineException("probe of " + address + " has not arrived within 1.2 s", null));
    } else if (state == State.CONNECTED && probeArrived && now - probeSentAt >= PROBE_NANOS) {
      sendProbe();
    }
  }

  /** Changes the channel of the probes, since the master may lose the keys of the present one. */
  void probe(String key) {
    if (!key.equals(probeKey)) {
      String before = probeKey();
      probeKey = key;
      subscriber().ssubscribe(key).whenComplete(onLoop(done -> sendProbe()));
      unsubscribe(before);
      probeArrived = false;
      probeSentAt = System.nanoTime();
    }
  }

  private String probeKey() {
    String present = probeKey;
    if (present == null) {
      throw new IllegalStateException(address + " is not opened");
    }
    return present;
  }

  // Commands.

  /**
   * Sends a call on behalf of a partition. It fails with this link at the latest.
   *
   * @param onFailure called on a thread of the connection if the command fails
   */
  void send(Partition partition, Call<?> call, Consumer<Throwable> onFailure) {
    CompletionStage<?> sent;
    try {
      sent = call.send(partition, this);
    } catch (RuntimeException e) {
      call.fail(e);
      return;
    }
    unanswered.add(call); // Lettuce forgets commands that are not flushed before the end
    sent.whenComplete(
        (answer, failure) -> {
          unanswered.remove(call);
          if (failure == null) {
            call.answer(requireNonNullElse(answer, ""));
          } else {
            call.fail(failure);
            onFailure.accept(failure);
          }
        });
  }

  /** Runs a script on the master. The answer arrives on a thread of the connection. */
  CompletionStage<Object> eval(RedisScript script, List<String> keys, byte[]... arguments) {
    unflushed = true;
    return commands()
        .evalsha(script.digest(), ScriptOutputType.MULTI, keys.toArray(new String[0]), arguments);
  }

  /** Returns the commands that need no script, to be sent with the next {@link #flush}. */
  RedisAsyncCommands<String, byte[]> commands() {
    unflushed = true;
    if (commands == null || state == State.BROKEN) {
      throw new EngineException("connection to " + address + " lost", null);
    }
    return commands.async();
  }

  private RedisPubSubAsyncCommands<String, byte[]> subscriber() {
    if (subscriber == null || state == State.BROKEN) {
      throw new EngineException("connection to " + address + " lost", null);
    }
    return subscriber.async();
  }

  /** Returns the answer to a publication when enough replicas have confirmed it. */
  CompletionStage<Object> replicated(CompletionStage<Object> stored) {
    if (replication.replicas() == 0) {
      return stored;
    }
    CompletableFuture<Object> result = new CompletableFuture<>();
    unconfirmed.add(new Unconfirmed(stored, result));
    return result;
  }

  /** Asks for the replicas of all publications that were sent, unless it waits for an answer. */
  private void confirm() {
    List<Unconfirmed> batch = unconfirmed;
    unconfirmed = new ArrayList<>();
    confirming = true;
    commands()
        .waitForReplication(replication.replicas(), replication.timeout().toMillis())
        .whenComplete(
            (replicas, failure) -> {
              owner.execute(() -> confirming = false); // and the next turn asks again
              batch.forEach(each -> each.end(failure == null ? replicas : 0, replication));
            });
  }

  /** Writes the commands that were added. */
  void flush() {
    if (state != State.BROKEN && !confirming && !unconfirmed.isEmpty()) {
      confirm();
    }
    if (unflushed && commands != null) {
      unflushed = false;
      commands.flushCommands();
    }
  }

  /** Loads the scripts again. */
  void loadScripts() {
    for (RedisScript script : RedisScript.values()) {
      commands().scriptLoad(script.source());
    }
  }

  // Subscriptions.

  /** Subscribes to channels of one partition; returns the commands that do so. */
  List<CompletionStage<Void>> subscribe(Collection<Subscription> subscriptions) {
    List<CompletionStage<Void>> sent = new ArrayList<>();
    List<String> keys = new ArrayList<>(subscriptions.stream().map(each -> each.key).toList());
    for (int i = 0; i < keys.size(); i += CHANNELS_PER_COMMAND) {
      List<String> some = keys.subList(i, Math.min(keys.size(), i + CHANNELS_PER_COMMAND));
      sent.add(subscriber().ssubscribe(some.toArray(new String[0])));
    }
    return sent;
  }

  void unsubscribe(String key) {
    unsubscribing.merge(key, 1, Integer::sum);
    subscriber().sunsubscribe(key);
  }

  private void unsubscribed(String key) {
    if (unsubscribing.containsKey(key)) {
      unsubscribing.computeIfPresent(key, (k, count) -> count == 1 ? null : count - 1);
    } else if (state != State.BROKEN) {
      owner.unsubscribed(this, key);
    }
  }

  // The end.

  private <T> BiConsumer<T, @Nullable Throwable> onLoop(Consumer<T> then) {
    return (value, failure) ->
        owner.execute(
            () -> {
              if (state == State.BROKEN) {
                return;
              }
              if (failure != null) {
                fail(failure);
                return;
              }
              try {
                then.accept(value);
              } catch (EngineException e) {
                fail(e);
              }
            });
  }

  /** Closes both connections, and tells the owner. */
  void fail(Throwable cause) {
    if (state != State.BROKEN) {
      close();
      owner.broken(this, cause);
    }
  }

  /** Closes both connections. */
  void close() {
    state = State.BROKEN;
    unconfirmed.forEach(each -> each.end(0, replication));
    unconfirmed.clear();
    close(commands);
    close(subscriber);
    EngineException lost = new EngineException("connection to " + address + " lost", null);
    unanswered.forEach(call -> call.fail(lost));
    unanswered.clear();
  }

  private static void close(@Nullable StatefulConnection<?, ?> connection) {
    if (connection != null && connection.isOpen()) {
      connection.closeAsync();
    }
  }

  @Override
  public String toString() {
    return address;
  }

  /** The messages of the subscriptions, on a thread of the connection. */
  private final class Messages extends RedisPubSubAdapter<String, byte[]> {

    @Override
    public void smessage(String key, byte[] message) {
      owner.message(MasterLink.this, key, message);
      if (key.equals(probeKey)) {
        owner.execute(() -> probeArrived(message));
      }
    }

    @Override
    public void sunsubscribed(String key, long count) {
      owner.execute(() -> MasterLink.this.unsubscribed(key));
    }
  }
}
