package dev.jev;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The subscribers of one topic on one event loop, in the order in which they joined.
 *
 * <p>Event loop only, except {@link #subscriberCount}. Who leaves makes a gap, which is closed
 * later: so that nobody is missed when the subscribers are gone through in several slices.
 */
final class TopicShard<O> {

  private final Topic<O> topic;
  private final Loop loop;
  private final TopicQueue queue; // of the loop
  private volatile int subscriberCount; // written with the topic as guard

  private final List<@Nullable TopicSubscriber<O>> slots = new ArrayList<>(1);
  private int emptySlots;
  private boolean iterating; // they are gone through

  TopicShard(Topic<O> topic, Loop loop) {
    this.topic = topic;
    this.loop = loop;
    this.queue = TopicQueue.of(loop);
  }

  Topic<O> topic() {
    return topic;
  }

  Loop loop() {
    return loop;
  }

  TopicQueue queue() {
    return queue;
  }

  /** How many are subscribed, including those that are about to join; any thread. */
  int subscriberCount() {
    return subscriberCount;
  }

  /** Counts who is subscribed; the caller has the topic's monitor. */
  @SuppressWarnings("NonAtomicVolatileUpdate")
  void addToSubscriberCount(int change) {
    subscriberCount += change;
  }

  /** Adds a subscriber; returns its place. */
  int add(TopicSubscriber<O> subscriber) {
    slots.add(subscriber);
    return slots.size() - 1;
  }

  void remove(int slot) {
    slots.set(slot, null);
    emptySlots++;
    compact();
  }

  /** How many places there are, with the gaps. */
  int slotCount() {
    return slots.size();
  }

  /** The subscriber at a place, or null if it has left. */
  @Nullable TopicSubscriber<O> get(int slot) {
    return slots.get(slot);
  }

  /** Keeps everybody's place until {@link #endIteration}. */
  void beginIteration() {
    iterating = true;
  }

  void endIteration() {
    iterating = false;
    compact();
  }

  private void compact() {
    if (iterating || 2 * emptySlots <= slots.size()) {
      return;
    }
    emptySlots = 0;
    int used = 0;
    for (int i = 0; i < slots.size(); i++) {
      TopicSubscriber<O> subscriber = slots.get(i);
      if (subscriber != null) {
        subscriber.index(used);
        slots.set(used++, subscriber);
      }
    }
    slots.subList(used, slots.size()).clear();
    ((ArrayList<?>) slots).trimToSize();
  }
}
