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
 *
 * <p><b>Keys.</b> The keys of a publisher may be the names of peers, which can choose them so that
 * their hash codes are equal. So few items of one hash code are found: the newest.
 */
final class SubscriberQueue {

  /** Maximum number of items with the same hash code of their keys that {@link #find} looks at. */
  private static final int MAX_SAME_HASH = 32;

  private @Nullable Item oldest;
  private @Nullable Item newest;
  private @Nullable Map<Integer, Item> byHash; // of their keys; null while there are none

  // Volatile: written by the event loop, read by any thread.
  private volatile long bytes;
  private volatile long dropped;
  private volatile long conflated;

  @Nullable Item oldest() {
    return oldest;
  }

  /**
   * Returns the item whose key equals that of {@code newer}, or null. Calls {@code equals} of the
   * user's key, which may throw, so nothing has changed yet.
   */
  @Nullable Item find(Item newer) {
    Object key = newer.key;
    if (key == null || byHash == null) {
      return null;
    }
    for (Item item = byHash.get(newer.hash); item != null; item = item.nextOfHash) {
      if (key.equals(item.key)) {
        return item;
      }
    }
    return null;
  }

  /** Lets {@link #find} return none of the present items any more. */
  void forgetKeys() {
    byHash = null;
  }

  void add(Item item) {
    item.previousOfSubscriber = newest;
    if (newest == null) {
      oldest = item;
    } else {
      newest.nextOfSubscriber = item;
    }
    newest = item;
    if (item.key != null) {
      addKey(item);
    }
    count(item.size());
  }

  void remove(Item item) {
    if (item.previousOfSubscriber == null) {
      oldest = item.nextOfSubscriber;
    } else {
      item.previousOfSubscriber.nextOfSubscriber = item.nextOfSubscriber;
    }
    if (item.nextOfSubscriber == null) {
      newest = item.previousOfSubscriber;
    } else {
      item.nextOfSubscriber.previousOfSubscriber = item.previousOfSubscriber;
    }
    item.nextOfSubscriber = null;
    item.previousOfSubscriber = null;
    if (byHash != null && item.key != null) {
      removeKey(item, byHash);
    }
    count(-item.size());
  }

  // Keys are told apart by identity here: no code of the user runs.

  private void addKey(Item item) {
    if (byHash == null) {
      byHash = new HashMap<>();
    }
    item.nextOfHash = byHash.put(item.hash, item);
    Item last = item;
    for (int i = 1; last != null && i < MAX_SAME_HASH; i++) {
      last = last.nextOfHash;
    }
    if (last != null) {
      last.nextOfHash = null;
    }
  }

  private void removeKey(Item item, Map<Integer, Item> items) {
    Item before = items.get(item.hash);
    if (before != item) {
      while (before != null && before.nextOfHash != item) {
        before = before.nextOfHash;
      }
      if (before != null) {
        before.nextOfHash = item.nextOfHash;
      }
    } else if (item.nextOfHash != null) {
      items.put(item.hash, item.nextOfHash);
    } else {
      items.remove(item.hash);
      byHash = items.isEmpty() ? null : items;
    }
    item.nextOfHash = null;
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
