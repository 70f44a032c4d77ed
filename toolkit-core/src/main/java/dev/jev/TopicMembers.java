package dev.jev;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The subscribers of a topic, by connection and by event loop.
 *
 * <p>All methods may be called from any thread; for those that change something, the caller holds
 * the topic's monitor.
 */
final class TopicMembers<O> {

  private final Topic<O> topic;
  private final ConcurrentHashMap<StreamConnection<?, ?>, TopicSubscriber<O>> subscribers =
      new ConcurrentHashMap<>();
  private volatile List<TopicShard<O>> shards = List.of();
  private volatile List<SimulatedSubscriber<O>> simulated = List.of();

  TopicMembers(Topic<O> topic) {
    this.topic = topic;
  }

  /**
   * Returns a connection as one that can subscribe.
   *
   * @throws IllegalArgumentException if it is a connection of a UDP address
   */
  static <O> StreamConnection<?, O> requireStream(Connection<O> connection) {
    if (requireNonNull(connection, "connection") instanceof StreamConnection<?, O> stream) {
      return stream;
    }
    throw new IllegalArgumentException(
        "connection: "
            + connection.getClass().getSimpleName()
            + " of "
            + connection.remoteAddress()
            + " (expected: one of a server or client, and not of datagrams)");
  }

  /** Returns the subscribers on each event loop that has or had some; the list never changes. */
  List<TopicShard<O>> shards() {
    return shards;
  }

  /** Returns the simulated subscribers; the list never changes. */
  List<SimulatedSubscriber<O>> simulated() {
    return simulated;
  }

  /** Returns the subscriber of a connection with a network, or null. */
  @Nullable TopicSubscriber<O> get(Connection<?> connection) {
    return subscribers.get(connection);
  }

  /** Returns the subscriber of a simulated connection, or null. */
  @Nullable SimulatedSubscriber<O> simulatedBy(Connection<?> connection) {
    for (SimulatedSubscriber<O> subscriber : simulated) {
      if (subscriber.connection() == connection) {
        return subscriber;
      }
    }
    return null;
  }

  boolean contains(Connection<?> connection) {
    return subscribers.containsKey(connection) || simulatedBy(connection) != null;
  }

  boolean has(TopicSubscriber<O> subscriber) {
    return subscribers.get(subscriber.connection()) == subscriber;
  }

  boolean has(SimulatedSubscriber<O> subscriber) {
    return simulated.contains(subscriber);
  }

  int size() {
    return subscribers.size() + simulated.size();
  }

  void forEach(Consumer<? super Connection<O>> action) {
    subscribers.values().forEach(subscriber -> action.accept(subscriber.connection()));
    simulated.forEach(subscriber -> action.accept(subscriber.connection()));
  }

  long pendingBytes() {
    return subscribers.values().stream().mapToLong(Subscription::pendingBytes).sum();
  }

  /** Returns the subscribers on an event loop, or null if there never were any. */
  @Nullable TopicShard<O> shardOn(Loop loop) {
    for (TopicShard<O> shard : shards) {
      if (shard.loop() == loop) {
        return shard;
      }
    }
    return null;
  }

  // The caller holds the topic's monitor.

  /** Returns the shard of an event loop, created on demand. */
  TopicShard<O> shard(Loop loop) {
    TopicShard<O> shard = shardOn(loop);
    if (shard != null) {
      return shard;
    }
    shard = new TopicShard<>(topic, loop);
    List<TopicShard<O>> all = new ArrayList<>(shards);
    all.removeIf(old -> old.loop().hasEnded());
    all.add(shard);
    shards = List.copyOf(all);
    return shard;
  }

  void add(TopicSubscriber<O> subscriber) {
    subscribers.put(subscriber.connection(), subscriber);
    subscriber.shard().addToSubscriberCount(1);
  }

  /** Removes a subscriber; returns whether it was present. */
  boolean remove(TopicSubscriber<O> subscriber) {
    boolean removed = subscribers.remove(subscriber.connection(), subscriber);
    if (removed) {
      subscriber.shard().addToSubscriberCount(-1);
    }
    return removed;
  }

  void add(SimulatedSubscriber<O> subscriber) {
    List<SimulatedSubscriber<O>> all = new ArrayList<>(simulated);
    all.add(subscriber);
    simulated = List.copyOf(all);
  }

  /** Removes a subscriber; returns whether it was present. */
  boolean remove(SimulatedSubscriber<O> subscriber) {
    boolean removed = simulated.contains(subscriber);
    if (removed) {
      simulated = simulated.stream().filter(each -> each != subscriber).toList();
    }
    return removed;
  }
}
