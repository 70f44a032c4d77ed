package dev.jev;

import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Packed messages that wait for the channel to become writable, where the oldest can be dropped.
 *
 * <p>Event loop only, except {@link #bytes}.
 */
final class Backlog {

  /** A packed message, or bytes of the protocol's own, which are not droppable. */
  record Entry(ByteBuf bytes, @Nullable CompletableFuture<Void> written, boolean droppable) {

    private long size() {
      return (long) bytes.readableBytes() + Mailbox.MESSAGE_OVERHEAD;
    }
  }

  private final ArrayDeque<Entry> entries = new ArrayDeque<>();
  private volatile long bytes; // written by the event loop, read by any thread

  void add(Entry entry) {
    entries.add(entry);
    count(entry.size());
  }

  @Nullable Entry poll() {
    Entry entry = entries.poll();
    if (entry != null) {
      count(-entry.size());
    }
    return entry;
  }

  /** Drops the oldest droppable entries, never the newest one, until there are few enough bytes. */
  void shrink(long limit, Consumer<Entry> dropped) {
    Iterator<Entry> oldest = entries.iterator();
    while (bytes > limit && oldest.hasNext()) {
      Entry entry = oldest.next();
      if (entry.droppable && oldest.hasNext()) {
        oldest.remove();
        count(-entry.size());
        dropped.accept(entry);
      }
    }
  }

  boolean isEmpty() {
    return entries.isEmpty();
  }

  long bytes() {
    return bytes;
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  private void count(long change) {
    bytes += change;
  }
}
