package dev.jev;

import org.jspecify.annotations.Nullable;

/**
 * A connection that is subscribed to a topic.
 *
 * <p>There may be a million, each with an entry in its topic's map and one in its shard: fields are
 * few. What is needed only while the peer is slow has an object of its own.
 */
final class Subscriber<O> implements Subscription {

  // In place of a place.
  private static final int NEW = -1;
  private static final int GONE = -2;

  private final Shard<O> shard;
  private final NettyConnection<?, O> connection;

  // Volatile: read by any thread.
  private volatile SlowConsumer<? super O> policy;
  private volatile @Nullable Lag lag;

  // Event loop only.
  private int place = NEW; // in the shard
  private @Nullable Subscriber<?> next; // of the connection
  private @Nullable Subscriber<?> previous;

  Subscriber(Shard<O> shard, NettyConnection<?, O> connection, SlowConsumer<? super O> policy) {
    this.shard = shard;
    this.connection = connection;
    this.policy = policy;
  }

  Shard<O> shard() {
    return shard;
  }

  Topic<O> topic() {
    return shard.topic();
  }

  NettyConnection<?, O> connection() {
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
    Lag mine = lag;
    return mine == null ? 0 : mine.bytes();
  }

  @Override
  public long dropped() {
    Lag mine = lag;
    return mine == null ? 0 : mine.dropped();
  }

  @Override
  public long conflated() {
    Lag mine = lag;
    return mine == null ? 0 : mine.conflated();
  }

  // Event loop only.

  /** What waits or was lost; made when somebody asks for it. */
  Lag lag() {
    Lag mine = lag;
    if (mine == null) {
      mine = new Lag();
      lag = mine;
    }
    return mine;
  }

  /** A message is not going to be delivered. */
  void drop() {
    lag().drop();
    topic().dropped();
  }

  /** The peer is too slow. */
  void closeForLag() {
    if (!connection.life().isClosing()) {
      topic().closedForLag();
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
    if (!connection.life().acceptsMessages()) {
      place = GONE;
      topic().forget(this);
      return;
    }
    place = shard.add(this);
    Subscriber<?> first = connection.subscribed;
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
    Subscriber<?> after = next;
    Subscriber<?> before = previous;
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
  static void forgetAll(NettyConnection<?, ?> connection) {
    for (Subscriber<?> s = connection.subscribed; s != null; s = s.next) {
      forget(s);
    }
  }

  private static <O> void forget(Subscriber<O> subscriber) {
    subscriber.topic().forget(subscriber);
  }

  /** Lets a connection leave its topics, in a turn of its own. */
  static void leaveAll(NettyConnection<?, ?> connection) {
    for (Subscriber<?> s; (s = connection.subscribed) != null; ) {
      s.leave();
    }
  }
}
