package dev.jev;

import org.jspecify.annotations.Nullable;

/**
 * A subscription from the point of view of its connection: a policy, a queue, counters and an end.
 *
 * <p>A process may have a million instances, so there are few fields. State that only a slow
 * subscriber needs is in its {@link SubscriberQueue}.
 */
abstract class SubscriberPort<O> {

  // Volatile: read by any thread.
  private volatile @Nullable SubscriberQueue queue;

  // Event loop only. Never changes while the queue is being walked.
  private SlowConsumer<? super O> policy;

  // Event loop only: links of the connection's list of subscriptions.
  @Nullable SubscriberPort<?> next;
  @Nullable SubscriberPort<?> previous;

  SubscriberPort(SlowConsumer<? super O> policy) {
    this.policy = policy;
  }

  /** Returns the queue and its counters, or null if no message was queued or dropped yet. */
  final @Nullable SubscriberQueue queueIfAny() {
    return queue;
  }

  // Event loop only.

  final SlowConsumer<? super O> policy() {
    return policy;
  }

  final void policy(SlowConsumer<? super O> next) {
    if (queue != null && !next.hasKeyOf(policy)) {
      queue.forgetKeys();
    }
    policy = next;
  }

  /** Returns the queue and its counters, created on first use. */
  final SubscriberQueue queue() {
    SubscriberQueue existing = queue;
    if (existing == null) {
      existing = new SubscriberQueue();
      queue = existing;
    }
    return existing;
  }

  /** Counts a message that will not be delivered. */
  final void drop() {
    queue().drop();
    countDropped();
  }

  /** Counts a queued message that was replaced by a newer one. */
  final void conflate() {
    queue().conflate();
    countConflated();
  }

  /** Counts a queued message that is written. */
  abstract void countDelivered();

  abstract void countDropped();

  abstract void countConflated();

  /** Closes the connection because it is too slow. */
  abstract void closeAsSlow();

  /** Ends the subscription; {@link #leave} follows. */
  abstract void forget();

  /** Removes this from the connection's list and notifies the topic's observer. */
  abstract void leave();

  /** Links this in front of a list; returns the new first element. */
  final SubscriberPort<?> linkBefore(@Nullable SubscriberPort<?> first) {
    next = first;
    if (first != null) {
      first.previous = this;
    }
    return this;
  }

  /** Unlinks this from its list; returns the new first element. */
  final @Nullable SubscriberPort<?> unlinkFrom(@Nullable SubscriberPort<?> first) {
    SubscriberPort<?> after = next;
    SubscriberPort<?> before = previous;
    if (after != null) {
      after.previous = before;
    }
    if (before != null) {
      before.next = after;
    }
    next = null;
    previous = null;
    return before == null ? after : first;
  }
}
