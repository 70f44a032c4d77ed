package dev.jev;

import dev.jev.SendQueue.Item;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What of one subscription waits in its connection's {@link SendQueue}, and what was lost.
 *
 * <p>Event loop only, except the numbers.
 */
final class SubscriberQueue {

  private @Nullable Item oldest;
  private @Nullable Item newest;
  private @Nullable Map<Object, Item> byKey; // while there are some

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

  /** Notes that the oldest entry waits no more. */
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

  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes, as below
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
