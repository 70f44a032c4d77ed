package dev.jev;

import org.jspecify.annotations.Nullable;

/**
 * A connection that is subscribed to a topic.
 *
 * <p>There may be a million, each with an entry in its topic's map and one in its shard: fields are
 * few. What is needed only while the peer is slow has an object of its own.
 */
final class TopicSubscriber<O> implements Subscription {

  // In place of a place.
  private static final int NEW = -1;
  private static final int GONE = -2;

  private final TopicShard<O> shard;
  private final StreamConnection<?, O> connection;

  // Volatile: read by any thread.
  private volatile SlowConsumer<? super O> policy;
  private volatile @Nullable SubscriberQueue queue;

  // Event loop only.
  private int place = NEW; // in the shard
  private @Nullable TopicSubscriber<?> next; // of the connection
  private @Nullable TopicSubscriber<?> previous;

  TopicSubscriber(
      TopicShard<O> shard, StreamConnection<?, O> connection, SlowConsumer<? super O> policy) {
    this.shard = shard;
    this.connection = connection;
    this.policy = policy;
  }

  TopicShard<O> shard() {
    return shard;
  }

  Topic<O> topic() {
    return shard.topic();
  }

  StreamConnection<?, O> connection() {
    return connection;
  }

  SlowConsumer<? super O> policy() {
    return policy;
  }

  void policy(SlowConsumer<? super O> policy) {
    this.policy = policy;
  }

  @Override
  public void cancel() {
    topic().unsubscribe(this);
  }

  @Override
  public boolean isActive() {
    return topic().has(this);
  }

  @Override
  public long pendingBytes() {
    SubscriberQueue mine = queue;
    return mine == null ? 0 : mine.bytes();
  }

  @Override
  public long dropped() {
    SubscriberQueue mine = queue;
    return mine == null ? 0 : mine.dropped();
  }

  @Override
  public long conflated() {
    SubscriberQueue mine = queue;
    return mine == null ? 0 : mine.conflated();
  }

  // Event loop only.

  /** What waits or was lost; made when somebody asks for it. */
  SubscriberQueue queue() {
    SubscriberQueue mine = queue;
    if (mine == null) {
      mine = new SubscriberQueue();
      queue = mine;
    }
    return mine;
  }

  /** A message is not going to be delivered. */
  void drop() {
    queue().drop();
    topic().dropped();
  }

  /** The peer is too slow. */
  void closeAsSlow() {
    if (!connection.lifecycle().isClosing()) {
      topic().closedAsSlow();
      connection.closeNow(CloseReason.of(CloseReason.Kind.OVERFLOW));
    }
  }

  /** Whether it has not joined yet. */
  boolean isNew() {
    return place == NEW;
  }

  void place(int place) {
    this.place = place;
  }

  /** The topic has it, or no longer: joins when called first, and then leaves. */
  void change() {
    if (place == NEW) {
      join();
    } else if (place != GONE) {
      connection.run(this::leave);
    }
  }

  private void join() {
    if (!connection.lifecycle().acceptsMessages()) {
      place = GONE;
      topic().forget(this);
      return;
    }
    place = shard.add(this);
    TopicSubscriber<?> first = connection.subscribed;
    next = first;
    if (first != null) {
      first.previous = this;
    }
    connection.subscribed = this;
    connection.run(() -> topic().observer().onJoin(connection));
  }

  private void leave() {
    shard.remove(place);
    place = GONE;
    TopicSubscriber<?> after = next;
    TopicSubscriber<?> before = previous;
    if (after != null) {
      after.previous = before;
    }
    if (before != null) {
      before.next = after;
    } else {
      connection.subscribed = after;
    }
    next = null;
    previous = null;
    try {
      topic().observer().onLeave(connection);
    } catch (Throwable t) {
      connection.fail(CloseReason.Kind.HANDLER_ERROR, t);
    }
  }

  /** Takes a connection off its topics, which tell it later by {@link #leaveAll}. */
  static void forgetAll(StreamConnection<?, ?> connection) {
    for (TopicSubscriber<?> s = connection.subscribed; s != null; s = s.next) {
      forget(s);
    }
  }

  private static <O> void forget(TopicSubscriber<O> subscriber) {
    subscriber.topic().forget(subscriber);
  }

  /** Lets a connection leave its topics, in a turn of its own. */
  static void leaveAll(StreamConnection<?, ?> connection) {
    for (TopicSubscriber<?> s; (s = connection.subscribed) != null; ) {
      s.leave();
    }
  }
}
