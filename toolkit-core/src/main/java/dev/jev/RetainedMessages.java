package dev.jev;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The messages of a topic that are kept for connections that join later: the last ones, or the last
 * one of each key. Guarded by the topic.
 *
 * <p><b>Keys.</b> The keys of a publisher may be the names of peers, which can choose them so that
 * their hash codes are equal. So few keys of one hash code are kept: those published last.
 */
final class RetainedMessages<O> {

  /** Maximum number of keys with the same hash code. */
  static final int MAX_SAME_HASH = 128;

  private static final RateLimitedLog ERRORS = new RateLimitedLog();

  /** A retained message. */
  private static final class Entry<O> {
    private final SharedMessage<O> message;
    private final @Nullable Object key;
    private final int hash; // of the key, which is not asked again
    private boolean linked;
    private @Nullable Entry<O> next;
    private @Nullable Entry<O> previous;
    private @Nullable Entry<O> nextOfHash; // an older one

    private Entry(SharedMessage<O> message, @Nullable Object key) {
      this.message = message;
      this.key = key;
      this.hash = Objects.hashCode(key);
    }
  }

  private final @Nullable Function<? super O, ?> keyOf; // null to keep all messages
  private final int maxCount;
  private final long maxBytes;

  private final Map<Integer, Entry<O>> byHash = new HashMap<>(); // of keys, the newest first
  private @Nullable Entry<O> oldest;
  private @Nullable Entry<O> newest;
  private int count;
  private long bytes;
  private @Nullable TopicReplay<O> replay; // of the present messages; null if not asked for

  RetainedMessages(@Nullable Function<? super O, ?> keyOf, int maxCount, long maxBytes) {
    this.keyOf = keyOf;
    this.maxCount = maxCount;
    this.maxBytes = maxBytes;
  }

  int count() {
    return count;
  }

  long bytes() {
    return bytes;
  }

  /** Returns the messages in the order of their publication, or null if there are none. */
  @Nullable TopicReplay<O> replay() {
    if (count == 0) {
      return null;
    }
    if (replay == null) {
      List<SharedMessage<O>> messages = new ArrayList<>(count);
      for (Entry<O> entry = oldest; entry != null; entry = entry.next) {
        messages.add(entry.message);
      }
      replay = TopicReplay.of(messages);
    }
    return replay.retain();
  }

  /** Retains a message that is published to a topic, and drops those that it supersedes. */
  void add(SharedMessage<O> published) {
    Entry<O> entry;
    Entry<O> older;
    try { // the user's code may throw, and may publish further messages
      entry = new Entry<>(published, keyOf == null ? null : keyOf.apply(published.message()));
      older = find(entry);
    } catch (Throwable t) {
      ERRORS.warning("key failed for " + published + ", which is not retained", t);
      return;
    }
    if (keyOf != null && entry.key == null) {
      return;
    }
    if (older != null && older.linked) {
      remove(older);
    }
    if (published.size() > maxBytes) {
      if (keyOf == null) {
        clear(); // no gap
      }
      return;
    }
    append(entry);
    while (oldest != null && (count > maxCount || bytes > maxBytes)) {
      remove(oldest);
    }
  }

  void clear() {
    while (oldest != null) {
      remove(oldest);
    }
  }

  private @Nullable Entry<O> find(Entry<O> newer) {
    Object key = newer.key;
    if (key == null) {
      return null;
    }
    for (Entry<O> each = byHash.get(newer.hash); each != null; each = each.nextOfHash) {
      if (key.equals(each.key)) {
        return each;
      }
    }
    return null;
  }

  private void append(Entry<O> entry) {
    entry.message.retain();
    entry.linked = true;
    entry.previous = newest;
    if (newest == null) {
      oldest = entry;
    } else {
      newest.next = entry;
    }
    newest = entry;
    count++;
    bytes += entry.message.size();
    forgetReplay();
    if (entry.key != null) {
      addKey(entry);
    }
  }

  private void remove(Entry<O> entry) {
    if (entry.previous == null) {
      oldest = entry.next;
    } else {
      entry.previous.next = entry.next;
    }
    if (entry.next == null) {
      newest = entry.previous;
    } else {
      entry.next.previous = entry.previous;
    }
    entry.linked = false;
    count--;
    bytes -= entry.message.size();
    forgetReplay();
    if (entry.key != null) {
      removeKey(entry);
    }
    entry.message.release();
  }

  private void forgetReplay() {
    if (replay != null) {
      replay.release();
      replay = null;
    }
  }

  // Keys are told apart by identity here: no code of the user runs.

  private void addKey(Entry<O> entry) {
    entry.nextOfHash = byHash.put(entry.hash, entry);
    Entry<O> last = entry;
    for (int i = 0; last != null && i < MAX_SAME_HASH; i++) {
      last = last.nextOfHash;
    }
    if (last != null) {
      remove(last);
    }
  }

  private void removeKey(Entry<O> entry) {
    Entry<O> before = byHash.get(entry.hash);
    if (before == entry) {
      if (entry.nextOfHash == null) {
        byHash.remove(entry.hash);
      } else {
        byHash.put(entry.hash, entry.nextOfHash);
      }
      return;
    }
    while (before != null && before.nextOfHash != entry) {
      before = before.nextOfHash;
    }
    if (before != null) {
      before.nextOfHash = entry.nextOfHash;
    }
  }
}
