package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.util.ReferenceCountUtil;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A publish-subscribe topic: connections that receive the same messages.
 *
 * <pre>
 *   Topic&lt;String&gt; news = Topic.of("news");
 *   news.subscribe(connection);       // in onConnect, for example
 *   news.publish("something new");    // anywhere
 * </pre>
 *
 * <p>The connections may belong to any servers and clients, on any event loops. A connection that
 * closes is unsubscribed automatically.
 *
 * <p><b>Delivery.</b> A message is packed once for all connections whose protocols have the same
 * {@linkplain Protocol#encodingKey encoding key}. One task per event loop delivers it to the
 * subscribers there, always later, never inside {@link #publish}. Messages for a slow connection
 * are queued as its {@link SlowConsumer} allows; other connections are not affected. A message that
 * a protocol cannot pack is logged and dropped; the connections stay open.
 *
 * <p><b>Order.</b> The messages that one thread publishes, to this topic and to others, and its
 * calls to subscribe and unsubscribe, take effect in the order of the calls on each connection. A
 * message that this thread {@linkplain Connection#send sends} to a connection arrives before the
 * messages that it publishes afterwards. A {@linkplain Connection#close close} of a connection, the
 * end of its output, and the stop of its server come after the messages published before.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 *
 * <p><b>Limits.</b> Per event loop, at most 16 MiB of messages to all topics are queued for
 * delivery; each counts as its length, if known, plus 96 bytes. The messages queued for one
 * connection are limited by its {@link SlowConsumer}.
 *
 * @param <O> the type of the messages
 */
public final class Topic<O> {

  private final String name;
  private final Observer<O> observer;

  private final ConcurrentHashMap<StreamConnection<?, ?>, TopicSubscriber<O>> subscribers =
      new ConcurrentHashMap<>(); // writes guarded by this
  private volatile List<TopicShard<O>> shards = List.of(); // writes guarded by this
  private volatile List<SimulatedSubscriber<O>> simulated = List.of(); // writes guarded by this

  private final LongAdder published = new LongAdder();
  private final LongAdder delivered = new LongAdder();
  private final LongAdder dropped = new LongAdder();
  private final LongAdder conflated = new LongAdder();
  private final LongAdder closed = new LongAdder();

  private Topic(String name, Observer<O> observer) {
    this.name = requireNonNull(name, "name");
    this.observer = requireNonNull(observer, "observer");
  }

  /** Creates a topic without subscribers. The name appears in logs and need not be unique. */
  public static <O> Topic<O> of(String name) {
    return new Topic<>(name, new Observer<>() {});
  }

  /** Creates a topic whose {@code observer} is called when a connection joins or leaves. */
  public static <O> Topic<O> of(String name, Observer<O> observer) {
    return new Topic<>(name, observer);
  }

  /** Returns the name of the topic. */
  public String name() {
    return name;
  }

  /**
   * Subscribes a connection with the policy {@link SlowConsumer#close}: it is closed if it is too
   * slow.
   */
  public Subscription subscribe(Connection<O> connection) {
    return subscribe(connection, SlowConsumer.close());
  }

  /**
   * Subscribes a connection: it receives the messages that are published from now on.
   *
   * <p>If the connection is already subscribed, only its policy changes. The new policy applies to
   * the messages that are published from now on, and to those that are still queued when the first
   * of these is delivered.
   *
   * <p>The call has no effect if the connection or its output is closed, or if 1,048,576 other
   * calls of this method are already waiting for the connection's event loop. The returned
   * subscription is then not active, unless the connection was subscribed before.
   *
   * <p>A {@link SimulatedConnection} is never too slow, so it needs no policy.
   *
   * @throws IllegalArgumentException if this is a connection of a UDP address: such a connection
   *     has no end that would cancel the subscription
   */
  public Subscription subscribe(Connection<O> connection, SlowConsumer<? super O> policy) {
    if (connection instanceof SimulatedConnection<O> simulation) {
      requireNonNull(policy, "policy");
      return subscribe(simulation);
    }
    StreamConnection<?, O> stream = requireStream(connection);
    requireNonNull(policy, "policy");
    TopicSubscriber<O> subscriber;
    synchronized (this) {
      subscriber = subscribers.get(stream);
      if (subscriber != null) {
        subscriber.shard().queue().change(subscriber, policy);
      } else {
        subscriber = new TopicSubscriber<>(shard(stream.loop()), stream, policy);
        if (!join(subscriber, stream.lifecycle())) {
          return subscriber;
        }
      }
    }
    subscriber.shard().queue().wake();
    return subscriber;
  }

  private synchronized boolean join(TopicSubscriber<O> subscriber, ConnectionLifecycle lifecycle) {
    if (!lifecycle.addJoining(subscriber)) {
      return false;
    }
    // Before the join: then the observer finds the subscriber, and what it publishes reaches it.
    subscribers.put(subscriber.connection(), subscriber);
    subscriber.shard().addToSubscriberCount(1);
    if (subscriber.shard().queue().join(subscriber)) {
      return true;
    }
    forget(subscriber);
    lifecycle.removeJoining(subscriber);
    return false;
  }

  private static <O> StreamConnection<?, O> requireStream(Connection<O> connection) {
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

  private Subscription subscribe(SimulatedConnection<O> connection) {
    SimulatedSubscriber<O> subscriber;
    boolean open = connection.isOpen();
    synchronized (this) {
      SimulatedSubscriber<O> present = simulatedBy(connection);
      if (present != null) {
        return present;
      }
      subscriber = new SimulatedSubscriber<>(this, connection);
      if (!open || !connection.add(subscriber)) {
        return subscriber;
      }
      List<SimulatedSubscriber<O>> all = new ArrayList<>(simulated);
      all.add(subscriber);
      simulated = List.copyOf(all);
    }
    subscriber.joinOrLeaveLater();
    return subscriber;
  }

  private @Nullable SimulatedSubscriber<O> simulatedBy(Connection<?> connection) {
    for (SimulatedSubscriber<O> subscriber : simulated) {
      if (subscriber.connection() == connection) {
        return subscriber;
      }
    }
    return null;
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

  /** Returns the shard of an event loop, created on demand. The caller holds the monitor. */
  private TopicShard<O> shard(Loop loop) {
    TopicShard<O> shard = shardOn(loop);
    if (shard != null) {
      return shard;
    }
    shard = new TopicShard<>(this, loop);
    List<TopicShard<O>> all = new ArrayList<>(shards);
    all.removeIf(old -> old.loop().hasEnded());
    all.add(shard);
    shards = List.copyOf(all);
    return shard;
  }

  /**
   * Ends the subscription of a connection. Messages that were published before, and are queued for
   * the peer, are still sent.
   *
   * @return true if the connection was subscribed
   */
  public boolean unsubscribe(Connection<?> connection) {
    requireNonNull(connection, "connection");
    SimulatedSubscriber<O> simulation = simulatedBy(connection);
    if (simulation != null) {
      return unsubscribe(simulation);
    }
    TopicSubscriber<O> subscriber = subscribers.get(connection);
    return subscriber != null && unsubscribe(subscriber);
  }

  boolean unsubscribe(SimulatedSubscriber<O> subscriber) {
    synchronized (this) {
      if (!has(subscriber)) {
        return false;
      }
      simulated = simulated.stream().filter(each -> each != subscriber).toList();
    }
    subscriber.connection().remove(subscriber);
    subscriber.joinOrLeaveLater();
    return true;
  }

  boolean has(SimulatedSubscriber<O> subscriber) {
    return simulated.contains(subscriber);
  }

  boolean unsubscribe(TopicSubscriber<O> subscriber) {
    TopicQueue queue = subscriber.shard().queue();
    synchronized (this) {
      if (!forget(subscriber)) {
        return false;
      }
      queue.leave(subscriber);
    }
    queue.wake();
    return true;
  }

  /** Removes a subscriber without notifying its event loop; returns whether it was present. */
  synchronized boolean forget(TopicSubscriber<O> subscriber) {
    boolean removed = subscribers.remove(subscriber.connection(), subscriber);
    if (removed) {
      subscriber.shard().addToSubscriberCount(-1);
    }
    return removed;
  }

  boolean has(TopicSubscriber<O> subscriber) {
    return subscribers.get(subscriber.connection()) == subscriber;
  }

  /**
   * Queues a message for delivery to all subscribers.
   *
   * <p>Returns false if an event loop is so far behind that its queue is full; the subscribers on
   * that loop do not receive this message.
   *
   * <p><b>Ownership.</b> As in {@link Connection#send}.
   *
   * @throws io.netty.util.IllegalReferenceCountException if {@code message} was released already
   * @throws IllegalArgumentException if {@code message} is {@link Unpublishable}
   */
  public boolean publish(O message) {
    O owned = MessageOwnership.acquire(requireNonNull(message, "message"));
    if (owned instanceof Unpublishable) {
      ReferenceCountUtil.safeRelease(owned);
      throw new IllegalArgumentException(
          "message: "
              + owned.getClass().getName()
              + " (expected: one that may go to many connections; send this one to each)");
    }
    TopicMessage<O> topicMessage = new TopicMessage<>(this, owned);
    published.increment();
    boolean queued = true;
    for (TopicShard<O> shard : shards) {
      int count = shard.subscriberCount();
      if (count > 0 && !shard.queue().offer(topicMessage)) {
        dropped.add(count);
        queued = false;
      }
    }
    for (SimulatedSubscriber<O> subscriber : simulated) {
      subscriber.publish(message);
    }
    topicMessage.release();
    return queued;
  }

  // Presence.

  /** Returns the number of subscribed connections. */
  public int size() {
    return subscribers.size() + simulated.size();
  }

  /** Returns whether a connection is subscribed. */
  public boolean contains(Connection<?> connection) {
    return subscribers.containsKey(requireNonNull(connection, "connection"))
        || simulatedBy(connection) != null;
  }

  /**
   * Calls {@code action} with each subscribed connection, on the calling thread. Connections that
   * join or leave during the call may or may not be included.
   */
  public void forEach(Consumer<? super Connection<O>> action) {
    subscribers.values().forEach(subscriber -> action.accept(subscriber.connection()));
    simulated.forEach(subscriber -> action.accept(subscriber.connection()));
  }

  /** Returns the counts of messages and closed connections so far. */
  public Counts counts() {
    return new Counts(
        published.sum(), delivered.sum(), dropped.sum(), conflated.sum(), closed.sum());
  }

  /**
   * Returns the number of bytes that are queued because subscribers are slow, see {@link
   * Subscription#pendingBytes}. Takes time in proportion to the number of subscribers.
   */
  public long pendingBytes() {
    return subscribers.values().stream().mapToLong(Subscription::pendingBytes).sum();
  }

  // Reports from the event loops.

  Observer<O> observer() {
    return observer;
  }

  void delivered(int messages) {
    delivered.add(messages);
  }

  void dropped() {
    dropped.increment();
  }

  void conflated() {
    conflated.increment();
  }

  void closedAsSlow() {
    closed.increment();
  }

  /** Returns {@code topic}, followed by the name. */
  @Override
  public String toString() {
    return "topic " + name;
  }

  /**
   * A message that concerns one connection only, such as a part of a longer message. {@link
   * #publish} refuses it.
   */
  public interface Unpublishable {}

  /**
   * Observes connections that join and leave a topic.
   *
   * <p>Called on the connection's event loop, never inside another callback. {@code onJoin} comes
   * before the first message is delivered to the connection. {@code onLeave} comes exactly once
   * after each {@code onJoin}, and before {@link Handler#onClose}. An exception closes the
   * connection with {@link CloseReason.Kind#HANDLER_ERROR}. Both methods may publish, subscribe and
   * unsubscribe.
   *
   * @param <O> the type of the topic's messages
   */
  public interface Observer<O> {

    /** Called when a connection has subscribed. */
    default void onJoin(Connection<O> connection) {}

    /** Called when a connection was unsubscribed or begins to close. */
    default void onLeave(Connection<O> connection) {}
  }

  /**
   * The number of published messages of a topic, and their outcomes.
   *
   * @param published calls of {@link Topic#publish}
   * @param delivered messages passed to a connection's write buffer, counted per subscriber
   * @param dropped messages that a subscriber did not receive: because of its policy, because a
   *     queue was full, because the message could not be packed, or because the connection closed
   *     between the publication and the write, after it had joined
   * @param conflated queued messages that were replaced by newer ones
   * @param closed connections that were closed because they were too slow
   */
  public record Counts(long published, long delivered, long dropped, long conflated, long closed) {}
}
