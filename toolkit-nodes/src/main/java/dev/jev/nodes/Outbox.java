package dev.jev.nodes;

import dev.jev.Connection;
import dev.jev.nodes.Backplane.RefusedException;
import dev.jev.nodes.Backplane.Stored;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * The publications of one topic on their way to the engine.
 *
 * <p>One batch at a time is under way. The messages that are published meanwhile are the next one:
 * without delay at low rates, with fewer records at high ones. While the engine cannot be reached,
 * messages wait until their time is over; they are not stored then. A batch without an answer is
 * published again, which the engine recognizes, until the time of all its messages is over. The
 * outcome of each is unknown when its own time is over.
 *
 * <p><b>Threads.</b> Any. Futures are completed on the thread of the topic.
 */
final class Outbox {

  /** Maximum size of the messages of a batch, in bytes; a single message may exceed it. */
  private static final int MAX_BATCH_BYTES = 64 * 1024;

  /** Maximum size of a topic's messages that the engine has not taken, in bytes. */
  static final int MAX_BYTES = 1024 * 1024;

  /** Size of a waiting message in addition to its bytes. */
  private static final int OVERHEAD = 96;

  /** The engine and the clock, as an outbox sees them. */
  interface Engine {

    /** Publishes a body, see {@link Backplane.Session#publish}. */
    CompletionStage<Stored> publish(byte[] body, @Nullable String since);

    /** Runs a task on the thread of the topic. */
    void execute(Runnable task);

    /** Runs a task after some time. */
    void runAfter(long nanos, Runnable task);

    /** Returns the time in nanoseconds. */
    default long nanoTime() {
      return System.nanoTime();
    }

    /** Returns whether this node delivers the messages that are published now. */
    boolean isHeard();

    /** Notes the outcome of messages. */
    void count(Receipt.Outcome outcome, int messages);
  }

  /**
   * The limits and numbers that the outboxes of a node share.
   *
   * @param node its number
   * @param timeoutNanos the time of a publication
   * @param room the number of bytes that may still wait
   * @param batches the number of the last batch
   */
  record Shared(long node, long timeoutNanos, AtomicLong room, AtomicLong batches) {}

  /** A message, and the connection that does not receive it. */
  @SuppressWarnings("ArrayRecordComponent") // is not compared
  private record Message(
      byte[] payload,
      @Nullable Connection<?> except,
      long deadline,
      CompletableFuture<Receipt> receipt) {

    private int size() {
      return payload.length + OVERHEAD;
    }
  }

  /** Messages that are published together. */
  private static final class Batch {
    private final long number;
    private final byte[] body;
    private final List<Message> messages;

    /** The number of its first messages whose time is over. Guarded by the outbox. */
    private int expired;

    private Batch(long number, byte[] body, List<Message> messages) {
      this.number = number;
      this.body = body;
      this.messages = messages;
    }

    /** Returns the time at which the outcome of the last message is unknown. */
    private long deadline() {
      return messages.get(messages.size() - 1).deadline;
    }

    /** Returns the time at which the outcome of a further message is unknown. */
    private long nextDeadline() {
      return messages.get(expired).deadline;
    }
  }

  private final Engine engine;
  private final Shared shared;
  private final boolean isEvents;
  private final int maxSenders; // batches; older ones are no longer kept by the engine

  // Guarded by this.
  private final Deque<Message> queue = new ArrayDeque<>(1);
  private @Nullable Batch underWay;
  private String lastStored = ""; // the id of the last record
  private int bytes;
  private boolean sending; // a thread is in sendNext
  private boolean held;
  private boolean away; // the engine, for now
  private boolean expiryDue;
  private boolean stopped;
  private @Nullable Map<Long, List<@Nullable Connection<?>>> senders; // per batch not delivered yet

  Outbox(Engine engine, Shared shared, boolean isEvents, int maxSenders) {
    this.engine = engine;
    this.shared = shared;
    this.isEvents = isEvents;
    this.maxSenders = maxSenders;
  }

  /** Adds a message; {@code except} is the connection that does not receive it. */
  CompletionStage<Receipt> publish(byte[] payload, @Nullable Connection<?> except) {
    long deadline = engine.nanoTime() + shared.timeoutNanos;
    Message message = new Message(payload, except, deadline, new CompletableFuture<>());
    synchronized (this) {
      if (stopped || bytes + message.size() > MAX_BYTES || !reserve(message)) {
        engine.count(unstored().outcome(), 1);
        return CompletableFuture.completedStage(unstored());
      }
      bytes += message.size();
      queue.add(message);
      expireAfter(shared.timeoutNanos);
    }
    sendNext();
    return message.receipt.minimalCompletionStage();
  }

  private boolean reserve(Message message) {
    if (shared.room.addAndGet(-message.size()) >= 0) {
      return true;
    }
    shared.room.addAndGet(message.size());
    return false;
  }

  private void free(Message message) {
    bytes -= message.size();
    shared.room.addAndGet(message.size());
  }

  /** Lets messages wait, or go on. */
  void hold(boolean hold) {
    synchronized (this) {
      held = hold;
    }
    sendNext();
  }

  /** Returns whether messages wait or are under way. */
  synchronized boolean isEmpty() {
    return bytes == 0;
  }

  /**
   * Returns the connections that do not receive the messages of a batch of this node, or null if
   * there are none.
   */
  synchronized @Nullable List<@Nullable Connection<?>> takeSenders(long batch) {
    return senders == null ? null : senders.remove(batch);
  }

  /** Forgets the senders, since this node no longer delivers. */
  synchronized void forgetSenders() {
    senders = null;
  }

  /** Sends batches as long as the engine takes them at once. */
  private void sendNext() {
    synchronized (this) {
      if (sending) {
        return; // the thread that sends goes on
      }
      sending = true;
    }
    for (Batch batch; (batch = startNext()) != null; ) {
      send(batch, null);
    }
  }

  private synchronized @Nullable Batch startNext() {
    if (underWay != null || held || away || queue.isEmpty()) {
      sending = false;
      return null;
    }
    underWay = nextBatch();
    return underWay;
  }

  private Batch nextBatch() {
    List<Message> messages = new ArrayList<>(1);
    int size = 0;
    for (Message next; (next = queue.peek()) != null; messages.add(queue.remove())) {
      size += RecordBody.sizeOf(next.payload);
      boolean full = size > MAX_BATCH_BYTES || messages.size() == RecordBody.MAX_MESSAGES;
      if (full && !messages.isEmpty()) {
        break;
      }
    }
    long number = shared.batches.incrementAndGet();
    if (messages.stream().anyMatch(message -> message.except != null)) {
      remember(number, messages);
    }
    List<byte[]> payloads = messages.stream().map(Message::payload).toList();
    byte[] body = new RecordBody(shared.node, number, payloads).encode();
    return new Batch(number, body, messages);
  }

  private void remember(long number, List<Message> messages) {
    if (senders == null) {
      senders = new LinkedHashMap<>();
    }
    List<@Nullable Connection<?>> connections = new ArrayList<>(messages.size());
    messages.forEach(message -> connections.add(message.except));
    senders.put(number, connections);
    if (senders.size() > maxSenders) {
      senders.remove(senders.keySet().iterator().next());
    }
  }

  private void send(Batch batch, @Nullable String since) {
    engine
        .publish(batch.body, since)
        .whenComplete((stored, failure) -> answered(batch, since == null, stored, failure));
  }

  private void answered(
      Batch batch, boolean isFirstTry, @Nullable Stored stored, @Nullable Throwable failure) {
    Throwable cause = failure instanceof CompletionException e ? e.getCause() : failure;
    if (stored != null) {
      end(batch, stored.id(), isEvents ? Receipt.SENT : null);
    } else if (isFirstTry && cause instanceof RefusedException refused && refused.isForNow()) {
      putBack(batch);
    } else if (isEvents || (isFirstTry && cause instanceof RefusedException)) {
      end(batch, "", unstored());
    } else if (engine.nanoTime() < batch.deadline()) {
      engine.runAfter(
          shared.timeoutNanos / 20,
          () -> {
            String since = lastStored(batch);
            if (since != null) {
              send(batch, since);
            }
          });
    } else {
      end(batch, "", Receipt.UNKNOWN);
    }
  }

  /** Lets the messages of a batch that was not stored wait until the engine can be reached. */
  private synchronized void putBack(Batch batch) {
    if (underWay != batch) {
      return; // its time was over
    }
    underWay = null;
    takeSenders(batch.number);
    List<Message> messages = batch.messages;
    messages.subList(0, batch.expired).forEach(this::free);
    for (int i = messages.size() - 1; i >= batch.expired; i--) {
      queue.addFirst(messages.get(i));
    }
    away = true;
    engine.runAfter(
        shared.timeoutNanos / 20,
        () -> {
          synchronized (this) {
            away = false;
          }
          sendNext();
        });
  }

  /** Returns the id of the last record that was stored before a batch; null if that has ended. */
  private synchronized @Nullable String lastStored(Batch batch) {
    return underWay == batch ? lastStored : null;
  }

  /** Returns the receipt of a message that the engine has not taken. */
  private Receipt unstored() {
    return isEvents ? Receipt.LOCAL_ONLY : Receipt.REFUSED;
  }

  /** Returns the receipt of a message for which the engine has no answer. */
  private Receipt unanswered() {
    return isEvents ? unstored() : Receipt.UNKNOWN;
  }

  /** Ends a batch, once; {@code receipt} is null if it is stored. */
  private void end(Batch batch, String id, @Nullable Receipt receipt) {
    int first;
    synchronized (this) {
      if (underWay != batch) {
        return; // its time was over
      }
      underWay = null;
      lastStored = receipt == null ? id : lastStored;
      first = batch.expired;
      batch.messages.forEach(this::free);
      boolean mayBeDelivered = receipt == null || receipt.equals(Receipt.UNKNOWN);
      if (!mayBeDelivered || !engine.isHeard()) {
        takeSenders(batch.number);
      }
    }
    sendNext();
    int count = batch.messages.size() - first;
    engine.count(receipt == null ? Receipt.Outcome.STORED : receipt.outcome(), count);
    engine.execute(() -> complete(batch.messages, first, id, receipt));
  }

  /** Completes the futures of messages; not in a call that publishes, since it may publish. */
  private static void complete(
      List<Message> messages, int first, String id, @Nullable Receipt receipt) {
    for (int i = first; i < messages.size(); i++) {
      Receipt each =
          receipt != null
              ? receipt
              : new Receipt(Receipt.Outcome.STORED, positionOf(id, i, messages.size()));
      messages.get(i).receipt.complete(each);
    }
  }

  /** Returns the position behind a message of a record. */
  static Position positionOf(String id, int index, int count) {
    return index + 1 == count ? Position.after(id) : Position.inside(id, index + 1);
  }

  // Messages whose time is over.

  /** Ends all publications, since the node stops. */
  void stop() {
    synchronized (this) {
      stopped = true;
    }
    end(deadline -> true);
  }

  private void expireAfter(long nanos) {
    if (!expiryDue) {
      expiryDue = true;
      engine.runAfter(nanos, this::expire);
    }
  }

  private void expire() {
    long now = engine.nanoTime();
    end(deadline -> deadline <= now);
    synchronized (this) {
      expiryDue = false;
      if (bytes > 0 && !stopped) {
        long soonest = underWay == null ? queue.element().deadline : underWay.nextDeadline();
        expireAfter(Math.max(soonest - now, shared.timeoutNanos / 100 + 1));
      }
    }
  }

  private void end(LongPredicate isOver) {
    List<Message> refused = new ArrayList<>();
    List<Message> unknown = new ArrayList<>();
    Batch ended = null;
    synchronized (this) {
      Batch batch = underWay;
      if (batch != null && isOver.test(batch.deadline())) {
        ended = batch;
      } else if (batch != null) {
        while (isOver.test(batch.nextDeadline())) {
          unknown.add(batch.messages.get(batch.expired++));
        }
      }
      while (!queue.isEmpty() && isOver.test(queue.element().deadline)) {
        refused.add(queue.remove());
      }
      refused.forEach(this::free);
    }
    complete(refused, unstored());
    complete(unknown, unanswered());
    if (ended != null) {
      end(ended, "", unanswered());
    }
  }

  private void complete(List<Message> messages, Receipt receipt) {
    if (!messages.isEmpty()) {
      engine.count(receipt.outcome(), messages.size());
      complete(messages, 0, "", receipt);
    }
  }
}
