package dev.jev;

import dev.jev.Delivery.Outcome;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The way of a client's messages to its connection, or to a queue while there is none.
 *
 * <p>Whoever finds a line {@code open} gives it the message, without a lock. Otherwise the message
 * joins the queue. When a line has come, its event loop empties the queue, as far as the line is
 * writable, and only when nothing is left does the line become {@code open}: so no message
 * overtakes another one.
 *
 * <p>What waits counts as in a {@link Mailbox}.
 */
final class Outlet<O> {

  /** After so many messages the other connections of the loop get their turn. */
  private static final int MESSAGES_A_TURN = 1024;

  /** What takes messages to the peer. */
  interface Line<O> {

    /** Sends a message, which is untouched if the outcome is {@link Outcome#CLOSED}. */
    Outcome offer(O message, @Nullable CompletableFuture<Void> written);

    /** Whether more should be sent; if not, {@link #drain} is called when that has changed. */
    boolean isWritable();

    long pendingBytes();

    void onLoopLater(Runnable action);

    /** A message could not be packed. */
    void fail(Throwable cause);
  }

  private final boolean queues;
  private final int maxPendingBytes;
  private final boolean dropsOldest;

  private volatile @Nullable Line<O> open; // set with this as guard

  // Guarded by this.
  private final ArrayDeque<Mailbox.Entry<O>> queue = new ArrayDeque<>();
  private long bytes;
  private boolean closed;

  Outlet(boolean queues, Settings<?, O> settings) {
    this.queues = queues;
    this.maxPendingBytes = settings.maxPendingBytes();
    this.dropsOldest = settings.overflow() == OverflowPolicy.DROP_OLDEST;
  }

  // Any thread.

  Outcome send(O message, @Nullable CompletableFuture<Void> written) {
    Line<O> line = open;
    if (line != null) {
      Outcome outcome = line.offer(message, written);
      if (outcome != Outcome.CLOSED) {
        return outcome;
      }
    }
    return sendLater(line, message, written);
  }

  private Outcome sendLater(
      @Nullable Line<O> closedLine, O message, @Nullable CompletableFuture<Void> written) {
    Owned.disownCurrent(message);
    List<Mailbox.Entry<O>> dropped = new ArrayList<>(0);
    Outcome outcome = enqueue(closedLine, Mailbox.Entry.of(message, written), dropped);
    if (outcome == null) {
      return send(message, written);
    }
    dropped.forEach(entry -> drop(entry, Outcome.OVER_LIMIT));
    return outcome == Outcome.TAKEN ? outcome : Outbound.drop(message, written, outcome);
  }

  /** Adds to the queue, unless another line than a closed one has become open: then null. */
  private synchronized @Nullable Outcome enqueue(
      @Nullable Line<O> closedLine, Mailbox.Entry<O> entry, List<Mailbox.Entry<O>> dropped) {
    if (open != closedLine) {
      return null;
    }
    if (!queues || closed) {
      return Outcome.CLOSED;
    }
    if (bytes >= maxPendingBytes && !dropsOldest) {
      return Outcome.OVER_LIMIT;
    }
    queue.add(entry);
    bytes += entry.bytes();
    while (bytes > maxPendingBytes && dropsOldest && queue.size() > 1) {
      dropped.add(queue.remove());
      bytes -= dropped.get(dropped.size() - 1).bytes();
    }
    return Outcome.TAKEN;
  }

  private static void drop(Mailbox.Entry<?> entry, Outcome outcome) {
    Outbound.drop(entry.message(), entry.written(), outcome);
  }

  /** Drops what waits, and what is to come. */
  void close() {
    List<Mailbox.Entry<O>> dropped;
    synchronized (this) {
      closed = true;
      bytes = 0;
      dropped = List.copyOf(queue);
      queue.clear();
    }
    dropped.forEach(entry -> drop(entry, Outcome.CLOSED));
  }

  // Event loop only.

  /** Takes a line, at once if nobody waits. */
  synchronized void connect(Line<O> line) {
    if (queue.isEmpty()) {
      open = line;
    }
  }

  /** Lets the line go. */
  synchronized void disconnect() {
    open = null;
  }

  /** Gives what waits to the line, as far as that is writable. */
  void drain(Line<O> line) {
    for (int i = 0; i < MESSAGES_A_TURN; i++) {
      if (open == line || !line.isWritable()) {
        return; // whoever is not writable will be, or is about to close
      }
      if (line.pendingBytes() >= maxPendingBytes) {
        break;
      }
      Mailbox.Entry<O> entry = poll(line);
      if (entry != null && !send(line, entry)) {
        return;
      }
    }
    line.onLoopLater(() -> drain(line));
  }

  private synchronized Mailbox.@Nullable Entry<O> poll(Line<O> line) {
    Mailbox.Entry<O> entry = queue.poll();
    if (entry == null) {
      open = line;
    } else {
      bytes -= entry.bytes();
    }
    return entry;
  }

  private boolean send(Line<O> line, Mailbox.Entry<O> entry) {
    try {
      if (line.offer(entry.message(), entry.written()) != Outcome.CLOSED) {
        return true;
      }
      if (!putBack(entry)) {
        drop(entry, Outcome.CLOSED);
      }
      return false;
    } catch (Throwable t) { // the protocol cannot pack it
      line.fail(t);
      return line.isWritable();
    }
  }

  private synchronized boolean putBack(Mailbox.Entry<O> entry) {
    if (!closed) {
      queue.addFirst(entry);
      bytes += entry.bytes();
    }
    return !closed;
  }
}
