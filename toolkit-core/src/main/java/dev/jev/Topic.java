package dev.jev;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Connections that get the same messages.
 *
 * <pre>
 *   Topic&lt;String&gt; news = Topic.of("news");
 *   news.subscribe(connection);       // in onConnect, for example
 *   news.publish("something new");    // anywhere
 * </pre>
 *
 * <p>The connections may be those of any servers and clients, on any event loops. A connection that
 * closes leaves by itself.
 *
 * <p><b>Delivery.</b> A message is packed once for all connections whose protocols have the same
 * {@linkplain Protocol#encodingKey representation}, and one task for each event loop gives it to
 * the subscribers there. That is always later, never inside {@link #publish}. A connection that is
 * slow has it wait as its {@link SlowConsumer} says, and costs the others nothing. A message that a
 * protocol cannot pack is logged and dropped; the connections stay open.
 *
 * <p><b>Order.</b> What one thread publishes, to this topic and to others, and whom it subscribes
 * and unsubscribes in between, takes effect in this order on each connection; and a message that it
 * {@linkplain Connection#send sent} to a connection arrives before what it publishes afterwards.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 *
 * <p><b>Limits.</b> For each event loop at most 16 MiB of publications to all topics wait to be
 * delivered there; each counts as its length, if that can be told, plus 96 bytes. What waits for
 * one connection is limited by its {@link SlowConsumer}.
 *
 * @param <O> the messages
 */
public final class Topic<O> {

  private final String name;
  private final Observer<O> observer;

  private final ConcurrentHashMap<StreamConnection<?, ?>, TopicSubscriber<O>> subscribers =
      new ConcurrentHashMap<>(); // changed with this as guard
  private volatile List<TopicShard<O>> shards = List.of(); // set with this as guard

  private final LongAdder published = new LongAdder();
  private final LongAdder delivered = new LongAdder();
  private final LongAdder dropped = new LongAdder();
  private final LongAdder conflated = new LongAdder();
  private final LongAdder closed = new LongAdder();

  private Topic(String name, Observer<O> observer) {
    this.name = requireNonNull(name, "name");
    this.observer = requireNonNull(observer, "observer");
  }

  /** A topic without subscribers. The name is for logs, and need not be unique. */
  public static <O> Topic<O> of(String name) {
    return new Topic<>(name, new Observer<>() {});
  }

  /** A topic whose {@code observer} is told who joins and leaves. */
  public static <O> Topic<O> of(String name, Observer<O> observer) {
    return new Topic<>(name, observer);
  }

  /** The name that it was given. */
  public String name() {
    return name;
  }

  /** Subscribes a connection, which is closed if it is too slow: {@link SlowConsumer#close}. */
  public Subscription subscribe(Connection<O> connection) {
    return subscribe(connection, SlowConsumer.close());
  }

  /**
   * Subscribes a connection: it gets what is published from now on.
   *
   * <p>If it is subscribed already, only the policy changes. Without effect if the connection, or
   * its output, is closed, or if a million others wait for its event loop to let them join: then
   * the result is not active.
   *
   * @throws IllegalArgumentException if this is the connection of a UDP address, of which nobody
   *     knows when it ends
   */
  public Subscription subscribe(Connection<O> connection, SlowConsumer<? super O> policy) {
    StreamConnection<?, O> stream = requireStream(connection);
    requireNonNull(policy, "policy");
    TopicSubscriber<O> subscriber;
    synchronized (this) {
      TopicSubscriber<O> present = subscribers.get(stream);
      if (present != null) {
        present.policy(policy);
        return present;
      }
      subscriber = new TopicSubscriber<>(shard(stream.loop()), stream, policy);
      if (!stream.lifecycle().acceptsMessages() || !subscriber.shard().queue().join(subscriber)) {
        return subscriber;
      }
      subscribers.put(stream, subscriber);
      subscriber.shard().addToSubscriberCount(1);
    }
    subscriber.shard().queue().wake();
    return subscriber;
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

  /** The subscribers on a loop, or null if there were none yet. */
  @Nullable TopicShard<O> shardOn(Loop loop) {
    for (TopicShard<O> shard : shards) {
      if (shard.loop() == loop) {
        return shard;
      }
    }
    return null;
  }

  /** The same, made if need be; the caller holds the monitor. */
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
   * Ends the subscription of a connection; what was published before, and waits for the peer, is
   * still sent. Returns whether there was one.
   */
  public boolean unsubscribe(Connection<?> connection) {
    requireNonNull(connection, "connection");
    TopicSubscriber<O> subscriber = subscribers.get(connection);
    return subscriber != null && unsubscribe(subscriber);
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

  /** Takes a subscriber off, without telling its event loop; returns whether it was there. */
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
   * Sends a message to all subscribers, a little later.
   *
   * <p>Returns false if an event loop is so far behind that its queue is full: its subscribers do
   * not get this message.
   *
   * <p><b>Ownership.</b> A reference-counted message is consumed on every path.
   */
  public boolean publish(O message) {
    MessageOwnership.disownCurrent(requireNonNull(message, "message"));
    published.increment();
    TopicMessage<O> topicMessage = new TopicMessage<>(this, message);
    boolean queued = true;
    for (TopicShard<O> shard : shards) {
      int count = shard.subscriberCount();
      if (count > 0 && !shard.queue().offer(topicMessage)) {
        dropped.add(count);
        queued = false;
      }
    }
    topicMessage.release();
    return queued;
  }

  // Presence.

  /** How many connections are subscribed. */
  public int size() {
    return subscribers.size();
  }

  /** Whether a connection is subscribed. */
  public boolean contains(Connection<?> connection) {
    return subscribers.containsKey(requireNonNull(connection, "connection"));
  }

  /**
   * Calls {@code action} with each connection that is subscribed, on the calling thread; who joins
   * or leaves meanwhile may be among them or not.
   */
  public void forEach(Consumer<? super Connection<O>> action) {
    subscribers.values().forEach(subscriber -> action.accept(subscriber.connection()));
  }

  /** What has happened so far. */
  public Counts counts() {
    return new Counts(
        published.sum(), delivered.sum(), dropped.sum(), conflated.sum(), closed.sum());
  }

  // What the event loops tell.

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

  /** {@code topic} and the name. */
  @Override
  public String toString() {
    return "topic " + name;
  }

  /**
   * Is told who joins and leaves a topic.
   *
   * <p>Called on the connection's event loop, never inside another callback: {@code onJoin} before
   * the first message is delivered to it, {@code onLeave} exactly once after each {@code onJoin},
   * and before {@link Handler#onClose}. What they throw closes the connection with {@link
   * CloseReason.Kind#HANDLER_ERROR}. They may publish, subscribe and unsubscribe.
   *
   * @param <O> the messages of the topic
   */
  public interface Observer<O> {

    /** A connection has subscribed. */
    default void onJoin(Connection<O> connection) {}

    /** A connection has unsubscribed, or was, or begins to close. */
    default void onLeave(Connection<O> connection) {}
  }

  /**
   * What has happened to the messages of a topic.
   *
   * @param published calls of {@link Topic#publish}
   * @param delivered messages given to a socket's buffer, counted for each subscriber
   * @param dropped messages that a subscriber did not get: by its policy, because a queue was full,
   *     they could not be packed, or its connection closed while they waited
   * @param conflated messages that were replaced by newer ones while they waited
   * @param closed connections that were closed for being slow
   */
  public record Counts(long published, long delivered, long dropped, long conflated, long closed) {}
}
