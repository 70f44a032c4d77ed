package dev.jev;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The subscribers of one topic on one event loop, in the order in which they joined.
 *
 * <p>Event loop only, except {@link #members}. Who leaves makes a gap, which is closed later: so
 * that nobody is missed when the subscribers are gone through in several slices.
 */
final class TopicShard<O> {

  private final Topic<O> topic;
  private final Loop loop;
  private final TopicQueue queue; // of the loop
  private volatile int members; // written with the topic as guard

  private final List<@Nullable TopicSubscriber<O>> joined = new ArrayList<>(1);
  private int gaps;
  private boolean busy; // they are gone through

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
  int members() {
    return members;
  }

  /** Counts who is subscribed; the caller has the topic's monitor. */
  @SuppressWarnings("NonAtomicVolatileUpdate")
  void count(int change) {
    members += change;
  }

  /** Adds a subscriber; returns its place. */
  int add(TopicSubscriber<O> subscriber) {
    joined.add(subscriber);
    return joined.size() - 1;
  }

  void remove(int place) {
    joined.set(place, null);
    gaps++;
    closeGaps();
  }

  /** How many places there are, with the gaps. */
  int places() {
    return joined.size();
  }

  /** The subscriber at a place, or null if it has left. */
  @Nullable TopicSubscriber<O> at(int place) {
    return joined.get(place);
  }

  /** Keeps everybody's place until {@link #end}. */
  void begin() {
    busy = true;
  }

  void end() {
    busy = false;
    closeGaps();
  }

  private void closeGaps() {
    if (busy || 2 * gaps <= joined.size()) {
      return;
    }
    gaps = 0;
    int places = 0;
    for (int i = 0; i < joined.size(); i++) {
      TopicSubscriber<O> subscriber = joined.get(i);
      if (subscriber != null) {
        subscriber.index(places);
        joined.set(places++, subscriber);
      }
    }
    joined.subList(places, joined.size()).clear();
    ((ArrayList<?>) joined).trimToSize();
  }
}
