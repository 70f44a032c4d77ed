package dev.jev;

import static java.util.Objects.requireNonNull;

import java.util.Collection;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
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
 * <p><b>Order.</b> All connections get the messages of a topic in one order. The messages that one
 * thread publishes, to this topic and to others, and its calls to subscribe and unsubscribe, take
 * effect in the order of the calls on each connection. A message that this thread {@linkplain
 * Connection#send sends} to a connection arrives before the messages that it publishes afterwards.
 * A {@linkplain Connection#close close} of a connection, the end of its output, and the stop of its
 * server come after the messages published before.
 *
 * <p><b>Joining.</b> A connection may get messages when it joins, before those that are published
 * afterwards: the ones that the topic {@linkplain #retaining(int) retains}, or a list, or a
 * {@linkplain #subscribe(Connection, SlowConsumer, Supplier) snapshot}. It gets each message once,
 * without a gap.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. Those that publish, subscribe or
 * unsubscribe exclude each other, briefly.
 *
 * <p><b>Limits.</b> Per event loop, at most 16 MiB of messages to all topics are queued for
 * delivery; each counts as its length, if known, plus 96 bytes. The messages queued for one
 * connection are limited by its {@link SlowConsumer}.
 *
 * @param <O> the type of the messages
 */
public final class Topic<O> {

  private static final int DEFAULT_KEYS = 10_000;
  private static final long DEFAULT_RETAINED_BYTES = 256 * 1024; // as SlowConsumer.maxBytes
  private static final int MAX_RETAINED = 1 << 24;
  private static final long MAX_RETAINED_BYTES = 1L << 40;

  private final String name;
  private final Observer<O> observer;

  // Guarded by this.
  private final @Nullable RetainedMessages<O> retained;
  private int steps; // that are running, each inside the one before

  private final TopicMembers<O> members = new TopicMembers<>(this); // writes guarded by this

  private final TopicCounters counters = new TopicCounters();

  private Topic(String name, Observer<O> observer, @Nullable RetainedMessages<O> retained) {
    this.name = requireNonNull(name, "name");
    this.observer = requireNonNull(observer, "observer");
    this.retained = retained;
  }

  /** Creates a topic without subscribers. The name appears in logs and need not be unique. */
  public static <O> Topic<O> of(String name) {
    return new Topic<>(name, new Observer<>() {}, null);
  }

  /** Creates a topic whose {@code observer} is called when a connection joins or leaves. */
  public static <O> Topic<O> of(String name, Observer<O> observer) {
    return new Topic<>(name, observer, null);
  }

  /**
   * Returns a new topic that retains its last messages, 256 KiB of them at most, see {@link
   * #retaining(int, long)}.
   *
   * @throws IllegalArgumentException if {@code messages} is out of range
   */
  public Topic<O> retaining(int messages) {
    return retaining(messages, DEFAULT_RETAINED_BYTES);
  }

  /**
   * Returns a new topic that retains its last messages. It has the name and the observer of this
   * one, which does not change, and no subscribers:
   *
   * <pre>
   *   Topic&lt;String&gt; news = Topic.&lt;String&gt;of("news").retaining(100);
   * </pre>
   *
   * <p>A connection that subscribes gets the retained messages first, in the order in which they
   * were published, as if they were published now. They are packed once for all connections. A
   * message that is longer than {@code maxBytes} is not retained, nor are those before it, so that
   * there is no gap. {@link #clearRetained} releases the messages of a topic that is no longer
   * used.
   *
   * @param messages the maximum number of retained messages, from 1 to 16,777,216
   * @param maxBytes the maximum size of the retained messages, from 1 KiB to 1 TiB. Each counts as
   *     its length, if known, plus 96 bytes. A connection that cannot take its messages at once
   *     needs a {@link SlowConsumer} with the same limit.
   * @throws IllegalArgumentException if an argument is out of range
   */
  public Topic<O> retaining(int messages, long maxBytes) {
    Checks.inRange("messages", messages, 1, MAX_RETAINED);
    return retaining(null, messages, maxBytes);
  }

  /**
   * Returns a new topic that retains the latest message of each key, for 10,000 keys and 256 KiB at
   * most, see {@link #retainingLatest(Function, int, long)}.
   */
  public Topic<O> retainingLatest(Function<? super O, ?> keyOf) {
    return retainingLatest(keyOf, DEFAULT_KEYS, DEFAULT_RETAINED_BYTES);
  }

  /**
   * Returns a new topic that retains the latest message of each key, such as the price of each
   * symbol. It has the name and the observer of this one, which does not change, and no
   * subscribers:
   *
   * <pre>
   *   Topic&lt;Price&gt; prices = Topic.&lt;Price&gt;of("prices").retainingLatest(Price::symbol);
   * </pre>
   *
   * <p>A connection that subscribes gets the retained messages first, as with {@link
   * #retaining(int, long)}. At a limit, the key whose message was published least recently is
   * removed. A message whose key is null is not retained. A message that is longer than {@code
   * maxBytes} is not retained either, and its key is removed.
   *
   * <p>{@code keyOf} is called on the publishing thread, and must be as fast as a {@linkplain
   * #update change}. Then {@code hashCode} of the key is called, and {@code equals} for retained
   * keys with the same hash code. Of these, the 128 published last are retained. If one of the
   * calls throws, the failure is logged, and the message is published but not retained. Keys must
   * not change.
   *
   * @param maxKeys the maximum number of retained messages, from 1 to 16,777,216
   * @param maxBytes the maximum size of the retained messages, as for {@link #retaining(int, long)}
   * @throws IllegalArgumentException if an argument is out of range
   */
  public Topic<O> retainingLatest(Function<? super O, ?> keyOf, int maxKeys, long maxBytes) {
    requireNonNull(keyOf, "keyOf");
    Checks.inRange("maxKeys", maxKeys, 1, MAX_RETAINED);
    return retaining(keyOf, maxKeys, maxBytes);
  }

  private Topic<O> retaining(@Nullable Function<? super O, ?> keyOf, int count, long maxBytes) {
    Checks.inRange("maxBytes", maxBytes, 1024, MAX_RETAINED_BYTES);
    return new Topic<>(name, observer, new RetainedMessages<>(keyOf, count, maxBytes));
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
   * Subscribes a connection: it receives the messages that are published from now on, and before
   * them those that the topic {@linkplain #retaining(int, long) retains}.
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
    return join(connection, policy, () -> retained == null ? null : retained.replay());
  }

  /**
   * Subscribes a connection like {@link #subscribe(Connection, SlowConsumer)}, but with messages
   * that it gets first, in place of retained ones: for example those that it has missed while it
   * was not connected.
   *
   * <p>They are delivered after {@link Observer#onJoin}, and before everything that is published
   * after this call, in their order and under the policy, as if they were published to this
   * connection alone. So they must fit in the {@link SlowConsumer#maxBytes} of the policy, 256 KiB
   * by default, together. They are not delivered if the connection is already subscribed.
   *
   * <p><b>Ownership.</b> The topic retains the messages; the caller keeps its references.
   *
   * @throws io.netty.util.IllegalReferenceCountException if a message was released already
   */
  public Subscription subscribe(
      Connection<O> connection, SlowConsumer<? super O> policy, List<SharedMessage<O>> first) {
    List<SharedMessage<O>> copy = List.copyOf(requireNonNull(first, "first"));
    return join(connection, policy, () -> TopicReplay.of(copy));
  }

  /**
   * Subscribes a connection like {@link #subscribe(Connection, SlowConsumer, List)}, with a
   * snapshot of the state that the topic's messages change.
   *
   * <p>What {@code snapshot} returns comes first. Then come exactly the messages that are published
   * after the snapshot: no message is published to this topic while {@code snapshot} is called. A
   * program that changes its state by {@link #update} misses no change, and gets none twice.
   *
   * <p>{@code snapshot} is called on the calling thread, once, or not at all if the connection is
   * already subscribed or closed. If it throws, the connection is not subscribed. The same rules
   * hold for it as for a change of {@link #update}. The returned messages are consumed as by {@link
   * Connection#send}.
   *
   * <p>The call has no effect, in addition, if the queue of the connection's event loop is full:
   * the messages of snapshots count until they are delivered, like published ones.
   *
   * @throws IllegalArgumentException if a message is {@link Unpublishable}, or the connection is of
   *     a UDP address
   */
  public Subscription subscribe(
      Connection<O> connection,
      SlowConsumer<? super O> policy,
      Supplier<? extends Collection<? extends O>> snapshot) {
    requireNonNull(snapshot, "snapshot");
    return join(connection, policy, () -> TopicReplay.ofSnapshot(snapshot.get()));
  }

  private Subscription join(
      Connection<O> connection,
      SlowConsumer<? super O> policy,
      Supplier<@Nullable TopicReplay<O>> first) {
    if (connection instanceof SimulatedConnection<O> simulation) {
      requireNonNull(policy, "policy");
      return step(() -> join(simulation, first));
    }
    StreamConnection<?, O> stream = TopicMembers.requireStream(connection);
    requireNonNull(policy, "policy");
    return step(() -> join(stream, policy, first));
  }

  private TopicSubscriber<O> join(
      StreamConnection<?, O> stream,
      SlowConsumer<? super O> policy,
      Supplier<@Nullable TopicReplay<O>> first) {
    boolean joins = members.get(stream) == null && stream.lifecycle().acceptsMessages();
    TopicReplay<O> replay = joins ? first.get() : null; // may subscribe the connection
    TopicSubscriber<O> present = members.get(stream);
    if (present != null) {
      present.shard().queue().change(present, policy);
      release(replay);
      return present;
    }
    TopicSubscriber<O> subscriber =
        new TopicSubscriber<>(members.shard(stream.loop()), stream, policy);
    if (joins) {
      join(subscriber, replay);
    }
    return subscriber;
  }

  /** Adds a subscriber, unless its connection is closing; consumes the replay's reference. */
  private void join(TopicSubscriber<O> subscriber, @Nullable TopicReplay<O> replay) {
    ConnectionLifecycle lifecycle = subscriber.connection().lifecycle();
    if (!lifecycle.addJoining(subscriber)) {
      release(replay);
      return;
    }
    // Before the join: then the observer finds the subscriber, and what it publishes reaches it.
    members.add(subscriber);
    TopicQueue queue = subscriber.shard().queue();
    if (!(replay == null ? queue.join(subscriber) : queue.join(subscriber, replay))) {
      forget(subscriber);
      lifecycle.removeJoining(subscriber);
    }
  }

  private static void release(@Nullable TopicReplay<?> replay) {
    if (replay != null) {
      replay.release();
    }
  }

  private SimulatedSubscriber<O> join(
      SimulatedConnection<O> connection, Supplier<@Nullable TopicReplay<O>> first) {
    boolean joins = members.simulatedBy(connection) == null && connection.isOpen();
    TopicReplay<O> replay = joins ? first.get() : null; // may subscribe the connection
    SimulatedSubscriber<O> present = members.simulatedBy(connection);
    SimulatedSubscriber<O> subscriber =
        present != null ? present : new SimulatedSubscriber<>(this, connection);
    if (present == null && joins && connection.add(subscriber)) {
      members.add(subscriber);
      subscriber.joinOrLeaveLater();
      if (replay != null) {
        replay.messages().forEach(message -> subscriber.publish(message.message()));
      }
    }
    release(replay);
    return subscriber;
  }

  /** Returns the subscribers on an event loop, or null if there never were any. */
  @Nullable TopicShard<O> shardOn(Loop loop) {
    return members.shardOn(loop);
  }

  /**
   * Ends the subscription of a connection. Messages that were published before, and are queued for
   * the peer, are still sent.
   *
   * @return true if the connection was subscribed
   */
  public boolean unsubscribe(Connection<?> connection) {
    requireNonNull(connection, "connection");
    SimulatedSubscriber<O> simulation = members.simulatedBy(connection);
    if (simulation != null) {
      return unsubscribe(simulation);
    }
    TopicSubscriber<O> subscriber = members.get(connection);
    return subscriber != null && unsubscribe(subscriber);
  }

  boolean unsubscribe(SimulatedSubscriber<O> subscriber) {
    synchronized (this) {
      if (!members.remove(subscriber)) {
        return false;
      }
    }
    subscriber.connection().remove(subscriber);
    subscriber.joinOrLeaveLater();
    return true;
  }

  boolean has(SimulatedSubscriber<O> subscriber) {
    return members.has(subscriber);
  }

  boolean unsubscribe(TopicSubscriber<O> subscriber) {
    return step(
        () -> {
          boolean removed = forget(subscriber);
          if (removed) {
            subscriber.shard().queue().leave(subscriber);
          }
          return removed;
        });
  }

  /** Removes a subscriber without notifying its event loop; returns whether it was present. */
  synchronized boolean forget(TopicSubscriber<O> subscriber) {
    return members.remove(subscriber);
  }

  boolean has(TopicSubscriber<O> subscriber) {
    return members.has(subscriber);
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
    return publishOwned(SharedMessage.of(message), null);
  }

  /**
   * Publishes a message like {@link #publish(Object)}, but not to one connection, such as the one
   * that it came from. That connection need not be a subscriber; null stands for none.
   */
  public boolean publish(O message, @Nullable Connection<?> except) {
    return publishOwned(SharedMessage.of(message), except);
  }

  /**
   * Publishes a message like {@link #publish(Object)}. It is packed once, however often it is
   * published, to this topic and to others.
   *
   * <p><b>Ownership.</b> The caller keeps its reference.
   *
   * @throws io.netty.util.IllegalReferenceCountException if {@code message} was released already
   */
  public boolean publish(SharedMessage<O> message) {
    return publishOwned(message.retain(), null);
  }

  /** Publishes a message like {@link #publish(SharedMessage)}, but not to one connection. */
  public boolean publish(SharedMessage<O> message, @Nullable Connection<?> except) {
    return publishOwned(message.retain(), except);
  }

  /** Publishes a message and releases it. */
  private boolean publishOwned(SharedMessage<O> message, @Nullable Connection<?> except) {
    boolean queued;
    boolean nested;
    List<TopicShard<O>> used;
    try {
      synchronized (this) { // without an object for the step, since this is called often
        queued = add(message, except);
        nested = steps > 0;
        used = members.shards();
      }
    } finally {
      message.release();
    }
    if (!nested) {
      wake(used);
    }
    return queued;
  }

  /** Retains a message, and adds it to the queues of the event loops. In a step. */
  private boolean add(SharedMessage<O> message, @Nullable Connection<?> except) {
    message.topic(this);
    counters.published();
    if (retained != null) {
      retained.add(message);
    }
    TopicMessage<O> each = new TopicMessage<>(this, message, except);
    boolean queued = true;
    for (TopicShard<O> shard : members.shards()) {
      int count = shard.subscriberCount();
      if (count > 0 && !shard.queue().offer(each)) {
        counters.dropped(count - (has(except, shard) ? 1 : 0));
        queued = false;
      }
    }
    for (SimulatedSubscriber<O> subscriber : members.simulated()) {
      if (subscriber.connection() != except) {
        subscriber.publish(message.message());
      }
    }
    return queued;
  }

  private boolean has(@Nullable Connection<?> connection, TopicShard<O> shard) {
    TopicSubscriber<O> subscriber = connection == null ? null : members.get(connection);
    return subscriber != null && subscriber.shard() == shard;
  }

  /**
   * Calls {@code change}, which changes the state that snapshots are made of, and publishes the
   * message that it returns, in one step that no {@linkplain #subscribe(Connection, SlowConsumer,
   * Supplier) snapshot} can come between. If it returns null, nothing is published.
   *
   * <p>{@code change} is called on the calling thread. Other threads that publish to this topic,
   * subscribe or unsubscribe wait meanwhile, event loops among them. So it must not block, nor take
   * a lock that is held anywhere while this topic is used. It should use no other topic by a call
   * of this kind. If it throws, nothing is published. What it publishes to this topic itself comes
   * before the message that it returns; a connection that it subscribes gets that message.
   *
   * @return as for {@link #publish(Object)}; true if nothing is published
   */
  public boolean update(Supplier<? extends @Nullable O> change) {
    requireNonNull(change, "change");
    return step(
        () -> {
          O message = change.get();
          if (message == null) {
            return true;
          }
          SharedMessage<O> shared = SharedMessage.of(message);
          try {
            return add(shared, null);
          } finally {
            shared.release();
          }
        });
  }

  /**
   * Returns whether at most half of the 16 MiB for published messages is in use on each event loop
   * that has subscribers of this topic. A publisher that can wait does so while this is false.
   */
  public boolean hasRoom() {
    for (TopicShard<O> shard : members.shards()) {
      if (shard.subscriberCount() > 0 && !shard.queue().hasRoom()) {
        return false;
      }
    }
    return true;
  }

  /**
   * Runs a step that excludes all others of this topic, then wakes the event loops.
   *
   * <p>The code of the user may take further steps within it. Only the outermost one wakes the
   * loops, when the monitor is free: waking a loop that has ended forgets its subscribers.
   */
  private <T> T step(Supplier<T> action) {
    List<TopicShard<O>> before = List.of();
    List<TopicShard<O>> after = List.of();
    boolean nested = true;
    try {
      synchronized (this) {
        nested = steps > 0;
        before = members.shards();
        steps++;
        try {
          return action.get();
        } finally {
          steps--;
          after = members.shards();
        }
      }
    } finally {
      if (!nested) {
        wake(before);
        wake(after);
      }
    }
  }

  private void wake(List<TopicShard<O>> used) {
    for (TopicShard<O> shard : used) {
      shard.queue().wake();
    }
  }

  // Retained messages.

  /** Returns the number and size of the messages that the topic retains. */
  public synchronized Retained retained() {
    return retained == null ? new Retained(0, 0) : new Retained(retained.count(), retained.bytes());
  }

  /**
   * Releases the retained messages. Those that are published from now on are retained again. A
   * topic that is no longer used is cleared, since its messages may be reference-counted.
   */
  public synchronized void clearRetained() {
    if (retained != null) {
      retained.clear();
    }
  }

  // Presence.

  /** Returns the number of subscribed connections. */
  public int size() {
    return members.size();
  }

  /** Returns whether a connection is subscribed. */
  public boolean contains(Connection<?> connection) {
    return members.contains(requireNonNull(connection, "connection"));
  }

  /**
   * Calls {@code action} with each subscribed connection, on the calling thread. Connections that
   * join or leave during the call may or may not be included.
   */
  public void forEach(Consumer<? super Connection<O>> action) {
    members.forEach(action);
  }

  /** Returns the counts of messages and closed connections so far. */
  public Counts counts() {
    return counters.counts();
  }

  /**
   * Returns the number of bytes that are queued because subscribers are slow, see {@link
   * Subscription#pendingBytes}. Takes time in proportion to the number of subscribers.
   */
  public long pendingBytes() {
    return members.pendingBytes();
  }

  // Reports from the event loops.

  Observer<O> observer() {
    return observer;
  }

  TopicCounters counters() {
    return counters;
  }

  /** Returns {@code topic}, followed by the name. */
  @Override
  public String toString() {
    return "topic " + name;
  }

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

  /**
   * The messages that a topic retains for connections that join later.
   *
   * @param messages their number
   * @param bytes their size: each counts as its length, if known, plus 96 bytes
   */
  public record Retained(int messages, long bytes) {}
}
