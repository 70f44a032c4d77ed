package dev.jev.redis;

import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.Backplane.Receiver;
import dev.jev.redis.RedisError.EngineException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The masters of a node's partitions: finds them, connects to them, and sends each call to the
 * right one.
 *
 * <pre>
 *   DETACHED --master is known and connected--&gt; SUBSCRIBING --confirmed--&gt; LIVE
 *      ^                                             |                      |
 *      +----- connection lost, moved, failover ------+----------------------+
 * </pre>
 *
 * <p><b>Order.</b> Everything that may be missed is told before something can be read that shows
 * it: when a partition has a new connection, it first subscribes to all channels, then tells the
 * receiver that it was interrupted, and only then sends the calls that have waited. No message of
 * an earlier connection is handed over afterwards. Calls that were sent on a lost connection fail;
 * its publications carry an older generation, so that the new connection fences them off.
 *
 * <p><b>Threads.</b> State is used by the loop only, except where noted. Answers and messages
 * arrive on the threads of connections.
 */
final class Masters implements MasterLink.Owner, AutoCloseable {

  private static final System.Logger LOG = System.getLogger("dev.jev.redis");

  /** The time for which a call waits for a connection. */
  static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(4);

  /** The address of a single master, which the options or its sentinels tell. */
  private static final String CONFIGURED = "the configured server";

  private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
  private static final long LATE_NANOS = 3 * TICK_NANOS;
  private static final long REFRESH_NANOS = TimeUnit.SECONDS.toNanos(30);
  private static final long OPEN_NANOS = TimeUnit.SECONDS.toNanos(9);
  private static final long ANSWER_SECONDS = 3;
  private static final long MIN_BACKOFF_MILLIS = 50;
  private static final long MAX_BACKOFF_MILLIS = 1000;

  private final RedisConnections connections;
  private final RedisKeys keys;
  private final Replication replication;
  private final Receiver receiver;
  private final EngineCounters counters;
  private final String token;
  private final RedisLoop loop;
  private final Partition[] partitions = new Partition[RedisKeys.PARTITIONS];
  private final Map<String, MasterLink> links = new HashMap<>();
  private final Map<String, String> processes = new HashMap<>(); // of partitions, by number
  private final CompletableFuture<Void> opened = new CompletableFuture<>();

  // Any thread.
  private final Map<String, Subscription> subscriptions = new ConcurrentHashMap<>();
  private final AtomicBoolean switched = new AtomicBoolean();

  private boolean isCluster;
  private boolean isReachable = true;
  private boolean discovering;
  private boolean retryDue;
  private boolean closed;
  private int failures;
  private int nextSeed;
  private long openUntil;
  private long lastTick;
  private long lastDiscovery;
  private Throwable lastFailure = new EngineException("no answer", null);

  /**
   * Creates the masters of a node.
   *
   * @param token a random name of this node's session
   */
  Masters(
      String node,
      String token,
      RedisConnections connections,
      RedisKeys keys,
      Replication replication,
      Receiver receiver,
      EngineCounters counters) {
    this.connections = connections;
    this.keys = keys;
    this.replication = replication;
    this.receiver = receiver;
    this.counters = counters;
    this.token = token;
    this.loop = new RedisLoop("jev-redis-" + node, this::flush);
    for (int i = 0; i < partitions.length; i++) {
      partitions[i] = new Partition(i);
    }
  }

  /** Connects. The stage fails if that takes more than 9 s, or the password is wrong. */
  CompletionStage<Void> open() {
    execute(
        () -> {
          lastTick = System.nanoTime();
          openUntil = lastTick + OPEN_NANOS;
          tick();
          begin();
        });
    return opened;
  }

  private void begin() {
    if (connections.seeds().get(0).getSentinels().isEmpty()) {
      discover();
    } else {
      assign(partition -> CONFIGURED);
    }
  }

  /** Ends all calls and connections. */
  @Override
  public void close() {
    execute(this::closeNow);
    loop.close();
  }

  private void closeNow() {
    closed = true;
    for (Partition partition : partitions) {
      partition.live = false;
      for (Call<?> call; (call = partition.waiting.poll()) != null; ) {
        call.refuse("the node has closed");
      }
    }
    links.values().forEach(MasterLink::close);
    links.clear();
  }

  /** Returns whether a master was replaced since the last call. Any thread. */
  boolean takeSwitched() {
    return switched.getAndSet(false);
  }

  /** Notes again that a master was replaced. Any thread. */
  void noteSwitched() {
    switched.set(true);
  }

  @Override
  public void execute(Runnable task) {
    loop.execute(task);
  }

  private void flush() {
    links.values().forEach(MasterLink::flush);
  }

  // Calls. Any thread.

  /**
   * Sends a command to the master of a partition, behind those that were sent before. It waits for
   * a connection.
   *
   * @param result makes the result of the answer, on a thread of the connection
   */
  <T> CompletableFuture<T> call(int partition, Call.Command command, Function<Object, T> result) {
    return call(partition, command, result, WAIT_NANOS);
  }

  /** Sends a command if there is a connection. */
  <T> CompletableFuture<T> callNow(
      int partition, Call.Command command, Function<Object, T> result) {
    return call(partition, command, result, 0);
  }

  private <T> CompletableFuture<T> call(
      int partition, Call.Command command, Function<Object, T> result, long waitNanos) {
    Call<T> call = new Call<>(command, result, System.nanoTime() + waitNanos);
    execute(() -> submit(partitions[partition], call));
    return call.future();
  }

  private void submit(Partition partition, Call<?> call) {
    MasterLink link = partition.link();
    if (closed) {
      call.refuse("the node has closed");
    } else if (partition.live && link != null) {
      send(partition, link, call);
    } else if (call.isLate(System.nanoTime())) {
      call.refuse(unreachable());
    } else {
      partition.waiting.add(call);
    }
  }

  private String unreachable() {
    return "Redis cannot be reached: " + lastFailure;
  }

  private void send(Partition partition, MasterLink link, Call<?> call) {
    link.send(partition, call, failure -> execute(() -> failed(partition, link, failure)));
  }

  private void failed(Partition partition, MasterLink link, Throwable failure) {
    if (partition.link() != link || closed) {
      return;
    }
    switch (RedisError.of(failure)) {
      case MOVED -> moved(partition, failure);
      case UNFIT -> link.fail(failure);
      case NOSCRIPT -> link.loadScripts();
      default -> {} // concerns the caller only
    }
  }

  private void moved(Partition partition, Throwable cause) {
    detach(partition, cause);
    partition.address = null;
    retryLater();
  }

  // Subscriptions. Any thread.

  /** Subscribes to channels; the stage fails if Redis does not confirm that within 4 s. */
  CompletionStage<Void> subscribe(Collection<Subscription> added) {
    added.forEach(each -> subscriptions.put(each.key, each));
    execute(() -> subscribeNow(added));
    CompletableFuture<?>[] confirmed =
        added.stream().map(each -> each.confirmed).toArray(CompletableFuture<?>[]::new);
    return CompletableFuture.allOf(confirmed).orTimeout(WAIT_NANOS, TimeUnit.NANOSECONDS);
  }

  private void subscribeNow(Collection<Subscription> added) {
    byPartition(added)
        .forEach(
            (number, some) -> {
              Partition partition = partitions[number];
              MasterLink link = partition.link();
              if (link != null) {
                subscribe(partition, link, some, () -> {});
              }
            });
  }

  private static Map<Integer, List<Subscription>> byPartition(Collection<Subscription> all) {
    Map<Integer, List<Subscription>> byPartition = new HashMap<>();
    for (Subscription each : all) {
      byPartition.computeIfAbsent(each.partition, p -> new ArrayList<>()).add(each);
    }
    return byPartition;
  }

  /** Returns the topics of a partition that the node listens to. */
  List<Channel> channels(int partition) {
    List<Channel> channels = new ArrayList<>();
    for (Subscription each : subscriptions.values()) {
      if (each.partition == partition && each.channel != null) {
        channels.add(each.channel);
      }
    }
    return channels;
  }

  private void subscribe(
      Partition partition, MasterLink link, List<Subscription> some, Runnable then) {
    CompletableFuture<?>[] sent;
    try {
      sent =
          link.subscribe(some).stream()
              .map(CompletionStage::toCompletableFuture)
              .toArray(CompletableFuture<?>[]::new);
    } catch (EngineException e) {
      return; // the link is broken, and the next one subscribes
    }
    CompletableFuture.allOf(sent)
        .whenComplete(
            (done, failure) ->
                execute(
                    () -> {
                      if (failure != null) {
                        subscriptionFailed(partition, link, failure);
                      } else if (partition.link() == link) {
                        some.forEach(each -> each.confirmed.complete(null));
                        then.run();
                      }
                    }));
  }

  private void subscriptionFailed(Partition partition, MasterLink link, Throwable failure) {
    if (partition.link() == link && RedisError.of(failure) == RedisError.MOVED) {
      moved(partition, failure);
    } else {
      link.fail(failure);
    }
  }

  /** Ends the subscription to a channel. */
  void unsubscribe(String key) {
    Subscription removed = subscriptions.remove(key);
    if (removed != null) {
      execute(() -> unsubscribeNow(removed));
    }
  }

  private void unsubscribeNow(Subscription removed) {
    MasterLink link = partitions[removed.partition].link();
    if (link != null && link.isConnected() && !subscriptions.containsKey(removed.key)) {
      link.unsubscribe(removed.key);
    }
  }

  int subscriptionCount() {
    return subscriptions.size();
  }

  @Override
  public void message(MasterLink link, String key, byte[] message) {
    Subscription subscription = subscriptions.get(key);
    if (subscription != null) {
      tell(() -> partitions[subscription.partition].handOver(link, subscription, message));
    }
  }

  @Override
  public void unsubscribed(MasterLink link, String key) {
    Subscription subscription = subscriptions.get(key);
    if (subscription == null) {
      link.fail(new EngineException(link + " has ended the subscription to its probe", null));
    } else if (partitions[subscription.partition].link() == link) {
      moved(
          partitions[subscription.partition],
          new EngineException(link + " has ended a subscription", null));
    }
  }

  // Masters.

  /** Sets the addresses of the masters, and connects to those that are new. */
  private void assign(IntFunction<String> addresses) {
    for (Partition partition : partitions) {
      String address = addresses.apply(partition.number);
      if (!Objects.equals(partition.address, address)) {
        if (partition.link() != null) {
          detach(partition, new EngineException("another master", null));
        }
        partition.address = address;
      }
    }
    for (MasterLink link : List.copyOf(links.values())) {
      Partition first = firstOf(link);
      if (first == null) {
        links.remove(link.address());
        link.close();
      } else if (link.isConnected()) {
        link.probe(probeKey(first));
      }
    }
    connect();
  }

  private @Nullable Partition firstOf(MasterLink link) {
    for (Partition partition : partitions) {
      if (link.address().equals(partition.address)) {
        return partition;
      }
    }
    return null;
  }

  private String probeKey(Partition partition) {
    return keys.of(partition.number, 'q', token);
  }

  private void connect() {
    Map<Integer, List<Subscription>> all = null;
    for (Partition partition : partitions) {
      String address = partition.address;
      if (address == null || partition.link() != null || closed) {
        continue;
      }
      MasterLink link = links.get(address);
      if (link == null) {
        link = new MasterLink(this, address, replication);
        links.put(address, link);
        link.open(connections, uri(address), probeKey(partition));
      } else if (link.isConnected()) {
        all = all == null ? byPartition(subscriptions.values()) : all;
        attach(partition, link, all.getOrDefault(partition.number, List.of()));
      }
    }
  }

  /** Returns the server of an address; {@link #CONFIGURED} is the one of the options. */
  private RedisURI uri(String address) {
    if (address.equals(CONFIGURED)) {
      return connections.seeds().get(nextSeed++ % connections.seeds().size());
    }
    int colon = address.lastIndexOf(':');
    return connections.uri(
        address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
  }

  @Override
  public void connected(MasterLink link) {
    if (!closed) {
      connect();
    }
  }

  private void attach(Partition partition, MasterLink link, List<Subscription> mine) {
    partition.link(link);
    partition.generation++;
    subscribe(partition, link, mine, () -> activate(partition, link, mine));
  }

  private void activate(Partition partition, MasterLink link, List<Subscription> mine) {
    String process = link.facts().process();
    String before = processes.put(Integer.toString(partition.number), process);
    if (before != null && !before.equals(process)) {
      noteSwitched();
    }
    if (partition.hasBeenLive) {
      interrupted(mine);
    }
    partition.live = true;
    partition.hasBeenLive = true;
    for (Call<?> call; (call = partition.waiting.poll()) != null; ) {
      send(partition, link, call);
    }
    checkReachable();
  }

  private void interrupted(List<Subscription> mine) {
    List<Channel> channels = new ArrayList<>();
    for (Subscription each : mine) {
      if (each.channel != null && subscriptions.get(each.key) == each) {
        channels.add(each.channel);
      }
    }
    if (!channels.isEmpty()) {
      tell(() -> receiver.interrupted(channels));
    }
  }

  private static void tell(Runnable event) {
    try {
      event.run();
    } catch (RuntimeException e) {
      LOG.log(Level.ERROR, "the receiver of a Redis engine failed", e);
    }
  }

  private void checkReachable() {
    for (Partition partition : partitions) {
      if (!partition.live) {
        return;
      }
    }
    failures = 0;
    if (!isReachable) {
      isReachable = true;
      tell(() -> receiver.reachable(null));
    }
    if (opened.complete(null)) {
      warnOfEviction();
    }
  }

  private void warnOfEviction() {
    for (MasterLink link : links.values()) {
      if (link.isConnected() && link.facts().eviction().startsWith("allkeys")) {
        LOG.log(
            Level.WARNING,
            "maxmemory_policy of Redis: {0} (expected: noeviction or volatile-*); members may be lost",
            link.facts().eviction());
      }
    }
  }

  private void detach(Partition partition, Throwable cause) {
    partition.link(null);
    partition.live = false;
    unreachable(cause);
  }

  private void unreachable(Throwable cause) {
    lastFailure = cause;
    if (isReachable && opened.isDone()) {
      isReachable = false;
      tell(() -> receiver.reachable(RedisError.seen(cause)));
    }
  }

  @Override
  public void broken(MasterLink link, Throwable cause) {
    if (closed) {
      return;
    }
    links.remove(link.address(), link);
    counters.lost.increment();
    LOG.log(Level.DEBUG, "connection to Redis lost", cause);
    for (Partition partition : partitions) {
      if (partition.link() == link) {
        detach(partition, cause);
      }
    }
    connectionFailed(cause);
  }

  private void connectionFailed(Throwable cause) {
    unreachable(cause);
    if (RedisError.of(cause) == RedisError.AUTHENTICATION && !opened.isDone()) {
      opened.completeExceptionally(
          new IllegalStateException(
              "user name or password refused by Redis: " + RedisError.seen(cause).getMessage(),
              cause));
    } else {
      retryLater();
    }
  }

  private void retryLater() {
    if (retryDue || closed) {
      return;
    }
    retryDue = true;
    long most = Math.min(MAX_BACKOFF_MILLIS, MIN_BACKOFF_MILLIS << Math.min(failures++, 10));
    long millis = ThreadLocalRandom.current().nextLong(most / 2, most + 1);
    loop.runAfter(TimeUnit.MILLISECONDS.toNanos(millis), this::retry);
  }

  private void retry() {
    retryDue = false;
    if (isCluster || Arrays.stream(partitions).anyMatch(each -> each.address == null)) {
      begin();
    } else {
      connect();
    }
  }

  // Discovery: which server is the master of which slots.

  private void discover() {
    if (discovering || closed) {
      return;
    }
    discovering = true;
    lastDiscovery = System.nanoTime();
    for (MasterLink link : links.values()) {
      if (isCluster && link.isConnected()) {
        slots(link.commands()).whenComplete((slots, failure) -> discovered(slots, failure));
        return;
      }
    }
    connections
        .connect(connections.seeds().get(nextSeed++ % connections.seeds().size()))
        .whenComplete(
            (connection, failure) -> {
              if (failure == null) {
                ask(connection);
              } else {
                discovered(null, failure);
              }
            });
  }

  private void ask(StatefulRedisConnection<String, byte[]> connection) {
    RedisAsyncCommands<String, byte[]> commands = connection.async();
    commands
        .info()
        .thenCompose(
            info ->
                ServerFacts.parse(info).isCluster()
                    ? slots(commands)
                    : CompletableFuture.completedStage(List.of()))
        .toCompletableFuture()
        .orTimeout(ANSWER_SECONDS, TimeUnit.SECONDS)
        .whenComplete(
            (slots, failure) -> {
              connection.closeAsync();
              discovered(slots, failure);
            });
  }

  private static CompletionStage<List<Object>> slots(RedisAsyncCommands<String, byte[]> commands) {
    return commands
        .clusterSlots()
        .toCompletableFuture()
        .orTimeout(ANSWER_SECONDS, TimeUnit.SECONDS);
  }

  private void discovered(@Nullable List<Object> slots, @Nullable Throwable failure) {
    execute(
        () -> {
          discovering = false;
          if (slots != null && slots.isEmpty()) {
            assign(partition -> CONFIGURED);
          } else if (slots != null) {
            isCluster = true;
            assignSlots(ClusterSlots.parse(slots));
          } else if (failure != null) {
            connectionFailed(failure);
          }
        });
  }

  private void assignSlots(ClusterSlots slots) {
    assign(partition -> slots.master(RedisKeys.slot(partition)));
    for (Partition partition : partitions) {
      if (partition.address == null) {
        int slot = RedisKeys.slot(partition.number);
        connectionFailed(new EngineException("slot " + slot + " has no master", null));
      }
    }
  }

  // Time.

  private void tick() {
    if (closed) {
      return;
    }
    loop.runAfter(TICK_NANOS, this::tick);
    long now = System.nanoTime();
    long late = now - lastTick - TICK_NANOS;
    lastTick = now;
    for (MasterLink link : List.copyOf(links.values())) {
      link.tick(now, late > LATE_NANOS ? late : 0);
    }
    for (Partition partition : partitions) {
      expire(partition, now);
    }
    if (isCluster && now - lastDiscovery > REFRESH_NANOS) {
      discover();
    }
    if (now - openUntil > 0 && !opened.isDone()) {
      opened.completeExceptionally(new IllegalStateException(unreachable(), lastFailure));
    }
  }

  private void expire(Partition partition, long now) {
    for (Call<?> call; (call = partition.waiting.peek()) != null && call.isLate(now); ) {
      partition.waiting.remove();
      call.refuse(unreachable());
    }
  }
}
