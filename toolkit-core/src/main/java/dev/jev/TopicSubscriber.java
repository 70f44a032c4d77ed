package dev.jev;

import java.util.List;

/** A connection's subscription to a topic. */
final class TopicSubscriber<O> extends SubscriberPort<O> implements Subscription {

  // Values of index without a slot.
  private static final int NEW = -1;
  private static final int GONE = -2;

  private final TopicShard<O> shard;
  private final StreamConnection<?, O> connection;

  private int index = NEW; // slot in the shard; event loop only

  TopicSubscriber(
      TopicShard<O> shard, StreamConnection<?, O> connection, SlowConsumer<? super O> policy) {
    super(policy);
    this.shard = shard;
    this.connection = connection;
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
    SubscriberQueue queue = queueIfAny();
    return queue == null ? 0 : queue.bytes();
  }

  @Override
  public long dropped() {
    SubscriberQueue queue = queueIfAny();
    return queue == null ? 0 : queue.dropped();
  }

  @Override
  public long conflated() {
    SubscriberQueue queue = queueIfAny();
    return queue == null ? 0 : queue.conflated();
  }

  /** Returns the topic's name for the log. */
  @Override
  public String toString() {
    return topic().toString();
  }

  // Event loop only.

  @Override
  void countDelivered() {
    topic().counters().delivered(1);
  }

  @Override
  void countDropped() {
    topic().counters().dropped(1);
  }

  @Override
  void countConflated() {
    topic().counters().conflated();
  }

  @Override
  void closeAsSlow() {
    if (!connection.lifecycle().isClosing()) {
      topic().counters().closedAsSlow();
      connection.closeNow(CloseReason.of(CloseReason.Kind.OVERFLOW));
    }
  }

  /** Returns whether this subscriber has not joined yet. */
  boolean isNew() {
    return index == NEW;
  }

  /** Returns whether this subscriber has left its shard, or could not join. */
  boolean isGone() {
    return index == GONE;
  }

  /** Changes the policy, also for the messages that are queued. */
  void change(SlowConsumer<? super O> policy) {
    policy(policy);
    if (pendingBytes() > 0) { // so the connection has a send queue
      connection.outbound().sendQueue().policyChanged(this);
    }
  }

  void index(int index) {
    this.index = index;
  }

  /** Delivers messages, or drops them if the connection closes; returns how many were packed. */
  int deliver(List<? extends SharedMessage<O>> messages) {
    if (connection.lifecycle().acceptsPublished()) {
      return connection.publish(messages, this);
    }
    messages.forEach(message -> drop());
    return 0;
  }

  /** Joins when the topic queue processes this subscriber first, leaves the second time. */
  void joinOrLeave() {
    if (index == NEW) {
      join();
      return;
    }
    leaveShard();
    if (previous != null || connection.subscribed == this) { // the close has not come first
      connection.run(this::leave);
    }
  }

  private void join() {
    connection.lifecycle().removeJoining(this);
    if (!connection.lifecycle().acceptsPublished()) {
      index = GONE;
      forget();
      return;
    }
    index = shard.add(this);
    connection.subscribed = linkBefore(connection.subscribed);
    connection.run(() -> topic().observer().onJoin(connection));
  }

  /** Ends the subscription; messages that were published before are still counted. */
  @Override
  void forget() {
    boolean queued = !topic().forget(this); // a leave is on its way
    if (!queued && !shard.queue().runBehind(this::leaveShard)) {
      leaveShard();
    }
  }

  private void leaveShard() {
    if (index >= 0) {
      shard.remove(index);
      index = GONE;
    }
  }

  @Override
  void leave() {
    connection.subscribed = unlinkFrom(connection.subscribed);
    try {
      topic().observer().onLeave(connection);
    } catch (Throwable t) {
      connection.fail(CloseReason.Kind.HANDLER_ERROR, t);
    }
  }
}
