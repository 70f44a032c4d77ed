package dev.jev;

import dev.jev.Delivery.Outcome;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The outbound messages of a client, which go to its connection or, while there is none, to a
 * queue.
 *
 * <p>A sender that finds an open sink offers it the message without a lock. Otherwise the message
 * is queued. When there is a new connection, its event loop drains the queue as long as the
 * connection is writable. The sink becomes open only when the queue is empty, so messages stay in
 * order.
 *
 * <p>Queued messages count as in a {@link Mailbox}.
 */
final class ClientOutbox<O> {

  /** Maximum number of queued messages per turn, so that other connections get theirs. */
  private static final int MAX_MESSAGES_PER_TURN = 1024;

  private final boolean queueing;
  private final int maxPendingBytes;
  private final boolean dropsOldest;
  private final Completions completions;

  private volatile @Nullable MessageSink<O> open; // written while holding this

  // Guarded by this.
  private final ArrayDeque<Mailbox.Envelope<O>> queue = new ArrayDeque<>();
  private long bytes;
  private boolean closed;

  ClientOutbox(
      Client.WhileDisconnected policy, ConnectionConfig<?, O> config, Completions completions) {
    this.completions = completions;
    this.queueing = policy == Client.WhileDisconnected.QUEUE;
    this.maxPendingBytes = config.maxPendingBytes();
    this.dropsOldest = config.overflow() == OverflowPolicy.DROP_OLDEST;
  }

  // Any thread.

  Outcome send(O message, @Nullable CompletableFuture<Void> written) {
    MessageSink<O> sink = open;
    if (sink != null) {
      Outcome outcome = sink.offer(message, written);
      if (outcome != Outcome.CLOSED) {
        return outcome;
      }
    }
    return sendLater(sink, message, written);
  }

  private Outcome sendLater(
      @Nullable MessageSink<O> closedSink, O message, @Nullable CompletableFuture<Void> written) {
    boolean lent = MessageOwnership.isLent(message);
    O owned = lent ? ReferenceCountUtil.retain(message) : message;
    List<Mailbox.Envelope<O>> dropped = new ArrayList<>(0);
    Outcome outcome = enqueue(closedSink, Mailbox.Envelope.of(owned, written), dropped);
    if (outcome == null) {
      if (lent) {
        ReferenceCountUtil.release(owned);
      }
      return send(message, written);
    }
    dropped.forEach(envelope -> drop(envelope, Outcome.OVER_LIMIT));
    return outcome == Outcome.TAKEN ? outcome : Undelivered.refuse(owned, written, outcome);
  }

  /** Adds a message to the queue, or returns null if another sink has become open meanwhile. */
  private synchronized @Nullable Outcome enqueue(
      @Nullable MessageSink<O> closedSink,
      Mailbox.Envelope<O> envelope,
      List<Mailbox.Envelope<O>> dropped) {
    if (open != closedSink) {
      return null;
    }
    if (!queueing || closed) {
      return Outcome.CLOSED;
    }
    if (bytes >= maxPendingBytes && !dropsOldest) {
      return Outcome.OVER_LIMIT;
    }
    queue.add(envelope);
    bytes += envelope.bytes();
    while (bytes > maxPendingBytes && dropsOldest && queue.size() > 1) {
      dropped.add(queue.remove());
      bytes -= dropped.get(dropped.size() - 1).bytes();
    }
    return Outcome.TAKEN;
  }

  private void drop(Mailbox.Envelope<?> envelope, Outcome outcome) {
    Undelivered.drop(envelope.message(), envelope.written(), outcome, completions);
  }

  /** Drops the queued messages and all later ones. */
  void close() {
    List<Mailbox.Envelope<O>> dropped;
    synchronized (this) {
      closed = true;
      bytes = 0;
      dropped = List.copyOf(queue);
      queue.clear();
    }
    dropped.forEach(envelope -> drop(envelope, Outcome.CLOSED));
  }

  // Event loop only.

  /** Sets the new sink, which opens immediately if the queue is empty. */
  synchronized void connect(MessageSink<O> sink) {
    if (queue.isEmpty()) {
      open = sink;
    }
  }

  /** Removes the sink. */
  synchronized void disconnect() {
    open = null;
  }

  /** Offers queued messages to the sink as long as it is writable. */
  void drain(MessageSink<O> sink) {
    for (int i = 0; i < MAX_MESSAGES_PER_TURN; i++) {
      if (open == sink || !sink.isDrainable()) {
        return; // a sink that becomes drainable again causes another drain
      }
      if (!sink.isBelowLimit()) {
        break;
      }
      Mailbox.Envelope<O> envelope = poll(sink);
      if (envelope != null && !send(sink, envelope)) {
        return;
      }
    }
    sink.onLoopLater(() -> drain(sink));
  }

  private synchronized Mailbox.@Nullable Envelope<O> poll(MessageSink<O> sink) {
    Mailbox.Envelope<O> envelope = queue.poll();
    if (envelope == null) {
      open = sink;
    } else {
      bytes -= envelope.bytes();
    }
    return envelope;
  }

  private boolean send(MessageSink<O> sink, Mailbox.Envelope<O> envelope) {
    try {
      if (sink.offer(envelope.message(), envelope.written()) != Outcome.CLOSED) {
        return true;
      }
      if (!putBack(envelope)) {
        drop(envelope, Outcome.CLOSED);
      }
      return false;
    } catch (Throwable t) { // the protocol cannot pack the message
      sink.packingFailed(envelope.written(), t);
      return sink.isDrainable();
    }
  }

  private synchronized boolean putBack(Mailbox.Envelope<O> envelope) {
    if (!closed) {
      queue.addFirst(envelope);
      bytes += envelope.bytes();
    }
    return !closed;
  }
}
