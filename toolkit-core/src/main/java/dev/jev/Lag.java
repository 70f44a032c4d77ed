package dev.jev;

import dev.jev.Backlog.Entry;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What of one subscription waits in its connection's {@link Backlog}, and what was lost.
 *
 * <p>Event loop only, except the numbers.
 */
final class Lag {

  private @Nullable Entry oldest;
  private @Nullable Entry newest;
  private @Nullable Map<Object, Entry> byKey; // while there are some

  // Volatile: written by the event loop, read by any thread.
  private volatile long bytes;
  private volatile long dropped;
  private volatile long conflated;

  @Nullable Entry oldest() {
    return oldest;
  }

  @Nullable Entry find(Object key) {
    return byKey == null ? null : byKey.get(key);
  }

  void add(Entry entry) {
    if (newest == null) {
      oldest = entry;
    } else {
      newest.nextOfSubscriber = entry;
    }
    newest = entry;
    if (entry.key != null) {
      if (byKey == null) {
        byKey = new HashMap<>();
      }
      byKey.put(entry.key, entry);
    }
    count(entry.size());
  }

  /** Notes that the oldest entry waits no more. */
  void removeOldest(Entry entry) {
    oldest = entry.nextOfSubscriber;
    if (oldest == null) {
      newest = null;
    }
    if (byKey != null && entry.key != null) {
      byKey.remove(entry.key, entry);
      if (byKey.isEmpty()) {
        byKey = null;
      }
    }
    count(-entry.size());
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
