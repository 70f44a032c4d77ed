package dev.jev;

import dev.jev.SendQueue.Item;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The queued messages of one subscription, with its drop counters.
 *
 * <p>The messages are items of the connection's {@link SendQueue}; this class links those of one
 * subscription. Event loop only, except the counters.
 */
final class SubscriberQueue {

  private @Nullable Item oldest;
  private @Nullable Item newest;
  private @Nullable Map<Object, Item> byKey; // null while there are none

  // Volatile: written by the event loop, read by any thread.
  private volatile long bytes;
  private volatile long dropped;
  private volatile long conflated;

  @Nullable Item oldest() {
    return oldest;
  }

  @Nullable Item find(Object key) {
    return byKey == null ? null : byKey.get(key);
  }

  void add(Item item) {
    if (newest == null) {
      oldest = item;
    } else {
      newest.nextOfSubscriber = item;
    }
    newest = item;
    if (item.key != null) {
      if (byKey == null) {
        byKey = new HashMap<>();
      }
      byKey.put(item.key, item);
    }
    count(item.size());
  }

  /** Removes the oldest item. */
  void removeOldest(Item item) {
    oldest = item.nextOfSubscriber;
    if (oldest == null) {
      newest = null;
    }
    if (byKey != null && item.key != null) {
      byKey.remove(item.key, item);
      if (byKey.isEmpty()) {
        byKey = null;
      }
    }
    count(-item.size());
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // written by one thread only, as below
  void count(long change) {
    bytes += change;
  }

  @SuppressWarnings("NonAtomicVolatileUpdate")
  void drop() {
    dropped++;
  }

  @SuppressWarnings("NonAtomicVolatileUpdate")
  void conflate() {
    conflated++;
  }

  long bytes() {
    return bytes;
  }

  long dropped() {
    return dropped;
  }

  long conflated() {
    return conflated;
  }
}
