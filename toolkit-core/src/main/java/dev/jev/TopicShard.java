package dev.jev;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The subscribers of one topic on one event loop, in the order in which they joined.
 *
 * <p>A subscriber that leaves empties its slot, as soon as the messages published before have been
 * delivered or dropped. Empty slots are removed later, so that an iteration over the slots in
 * several slices skips no subscriber.
 *
 * <p>Event loop only, except {@link #subscriberCount}.
 */
final class TopicShard<O> {

  private final Topic<O> topic;
  private final Loop loop;
  private final TopicQueue queue; // of the loop
  private volatile int subscriberCount; // writes guarded by the topic

  private final List<@Nullable TopicSubscriber<O>> slots = new ArrayList<>(1);
  private int emptySlots;
  private boolean iterating;

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

  /** Returns the number of subscribers, including those that are about to join. Any thread. */
  int subscriberCount() {
    return subscriberCount;
  }

  /** Changes the number of subscribers; the caller holds the topic's monitor. */
  @SuppressWarnings("NonAtomicVolatileUpdate")
  void addToSubscriberCount(int change) {
    subscriberCount += change;
  }

  /** Adds a subscriber; returns its slot. */
  int add(TopicSubscriber<O> subscriber) {
    slots.add(subscriber);
    return slots.size() - 1;
  }

  void remove(int slot) {
    slots.set(slot, null);
    emptySlots++;
    compact();
  }

  /** Returns the number of slots, including empty ones. */
  int slotCount() {
    return slots.size();
  }

  /** Returns the subscriber in a slot, or null if it has left. */
  @Nullable TopicSubscriber<O> get(int slot) {
    return slots.get(slot);
  }

  /** Keeps all subscribers in their slots until {@link #endIteration}. */
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
