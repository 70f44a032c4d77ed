package dev.jev.nodes;

import dev.jev.Connection;
import dev.jev.nodes.Backplane.Stored;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The publications of one topic on their way to the engine.
 *
 * <p>One batch at a time is under way. The messages that are published meanwhile are the next one:
 * without delay at low rates, with fewer records at high ones. A batch without an answer is
 * published again, which the engine recognizes, until its time is over; then its outcome is
 * unknown.
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

    /** Publishes a body. */
    CompletionStage<Stored> publish(byte[] body, boolean again);

    /** Runs a task on the thread of the topic. */
    void execute(Runnable task);

    /** Runs a task after some time. */
    void runAfter(long nanos, Runnable task);

    /** Returns the time in nanoseconds. */
    long nanoTime();

    /** Returns whether this node delivers the messages that are published now. */
    boolean isHeard();

    /** Notes the outcome of messages. */
    void count(Receipt.Outcome outcome, int messages);
  }

  /** A message, and the connection that does not receive it. */
  private static final class Message {
    private final byte[] payload;
    private final @Nullable Connection<?> except;
    private final CompletableFuture<Receipt> receipt = new CompletableFuture<>();

    private Message(byte[] payload, @Nullable Connection<?> except) {
      this.payload = payload;
      this.except = except;
    }

    private int size() {
      return payload.length + OVERHEAD;
    }
  }

  /** Messages that are published together. */
  private static final class Batch {
    private final long number;
    private final byte[] body;
    private final List<Message> messages;
    private final long deadline;

    private Batch(long number, byte[] body, List<Message> messages, long deadline) {
      this.number = number;
      this.body = body;
      this.messages = messages;
      this.deadline = deadline;
    }
  }

  private record Queued(Message message, long deadline) {}

  private final Engine engine;
  private final long node;
  private final boolean isEvents;
  private final long timeoutNanos;
  private final int maxSenders; // batches; older ones are no longer kept by the engine
  private final AtomicLong nodeRoom; // bytes that the node may still hold
  private final AtomicLong batchNumbers; // of the node

  // Guarded by this.
  private final Queue<Queued> queue = new ArrayDeque<>(1);
  private @Nullable Batch underWay;
  private int bytes;
  private boolean sending; // a thread is in sendNext
  private boolean held;
  private boolean expiryDue;
  private boolean stopped;
  private @Nullable Map<Long, List<@Nullable Connection<?>>> senders; // per batch not delivered yet

  Outbox(
      Engine engine,
      long node,
      boolean isEvents,
      long timeoutNanos,
      int maxSenders,
      AtomicLong nodeRoom,
      AtomicLong batchNumbers) {
    this.engine = engine;
    this.node = node;
    this.isEvents = isEvents;
    this.timeoutNanos = timeoutNanos;
    this.maxSenders = maxSenders;
    this.nodeRoom = nodeRoom;
    this.batchNumbers = batchNumbers;
  }

  /** Adds a message; {@code except} is the connection that does not receive it. */
  CompletionStage<Receipt> publish(byte[] payload, @Nullable Connection<?> except) {
    Message message = new Message(payload, except);
    synchronized (this) {
      if (stopped || bytes + message.size() > MAX_BYTES || !reserve(message)) {
        engine.count(unstored().outcome(), 1);
        return CompletableFuture.completedStage(unstored());
      }
      bytes += message.size();
      queue.add(new Queued(message, engine.nanoTime() + timeoutNanos));
      expireLater();
    }
    sendNext();
    return message.receipt.minimalCompletionStage();
  }

  private boolean reserve(Message message) {
    if (nodeRoom.addAndGet(-message.size()) >= 0) {
      return true;
    }
    nodeRoom.addAndGet(message.size());
    return false;
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
      send(batch, /* again= */ false);
    }
  }

  private synchronized @Nullable Batch startNext() {
    if (underWay != null || held || queue.isEmpty()) {
      sending = false;
      return null;
    }
    underWay = nextBatch();
    return underWay;
  }

  private Batch nextBatch() {
    List<Message> messages = new ArrayList<>(1);
    long deadline = queue.element().deadline();
    int size = 0;
    for (Queued next; (next = queue.peek()) != null; queue.remove()) {
      size += RecordBody.sizeOf(next.message().payload);
      boolean full = size > MAX_BATCH_BYTES || messages.size() == RecordBody.MAX_MESSAGES;
      if (full && !messages.isEmpty()) {
        break;
      }
      messages.add(next.message());
    }
    long number = batchNumbers.incrementAndGet();
    if (messages.stream().anyMatch(message -> message.except != null)) {
      remember(number, messages);
    }
    List<byte[]> payloads = messages.stream().map(message -> message.payload).toList();
    byte[] body = new RecordBody(node, number, payloads).encode();
    return new Batch(number, body, messages, deadline);
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

  private void send(Batch batch, boolean again) {
    engine
        .publish(batch.body, again)
        .whenComplete((stored, failure) -> answered(batch, again, stored, failure));
  }

  private void answered(
      Batch batch, boolean again, @Nullable Stored stored, @Nullable Throwable failure) {
    Throwable cause = failure instanceof CompletionException e ? e.getCause() : failure;
    if (stored != null) {
      end(batch, stored.id(), isEvents ? Receipt.SENT : null);
    } else if (isEvents || (cause instanceof Backplane.RefusedException && !again)) {
      end(batch, "", unstored());
    } else if (engine.nanoTime() < batch.deadline) {
      engine.runAfter(timeoutNanos / 20, () -> sendAgain(batch));
    } else {
      end(batch, "", Receipt.UNKNOWN);
    }
  }

  private void sendAgain(Batch batch) {
    synchronized (this) {
      if (underWay != batch) {
        return;
      }
    }
    send(batch, /* again= */ true);
  }

  /** Returns the receipt of a message that the engine has not taken. */
  private Receipt unstored() {
    return isEvents ? Receipt.LOCAL_ONLY : Receipt.REFUSED;
  }

  /** Ends a batch, once; {@code receipt} is null if it is stored. */
  private void end(Batch batch, String id, @Nullable Receipt receipt) {
    synchronized (this) {
      if (underWay != batch) {
        return; // its time was over
      }
      underWay = null;
      batch.messages.forEach(this::free);
      boolean mayBeDelivered = receipt == null || receipt.equals(Receipt.UNKNOWN);
      if (!mayBeDelivered || !engine.isHeard()) {
        takeSenders(batch.number);
      }
    }
    sendNext();
    int count = batch.messages.size();
    engine.count(receipt == null ? Receipt.Outcome.STORED : receipt.outcome(), count);
    engine.execute(() -> complete(batch.messages, id, receipt));
  }

  /** Completes the futures of messages; not in a call that publishes, since it may publish. */
  private static void complete(List<Message> messages, String id, @Nullable Receipt receipt) {
    for (int i = 0; i < messages.size(); i++) {
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

  /** Ends all publications, since the node stops. */
  void stop() {
    List<Message> refused = new ArrayList<>();
    Batch unknown;
    synchronized (this) {
      stopped = true;
      unknown = underWay;
      queue.forEach(queued -> refused.add(queued.message()));
      queue.clear();
      refused.forEach(this::free);
    }
    refuse(refused);
    if (unknown != null) {
      end(unknown, "", isEvents ? unstored() : Receipt.UNKNOWN);
    }
  }

  private void refuse(List<Message> refused) {
    if (!refused.isEmpty()) {
      engine.count(unstored().outcome(), refused.size());
      complete(refused, "", unstored());
    }
  }

  private void free(Message message) {
    bytes -= message.size();
    nodeRoom.addAndGet(message.size());
  }

  // Messages whose time is over.

  private void expireLater() {
    if (!expiryDue) {
      expiryDue = true;
      engine.runAfter(timeoutNanos, this::expire);
    }
  }

  private void expire() {
    List<Message> refused = new ArrayList<>();
    Batch unknown = null;
    long now = engine.nanoTime();
    synchronized (this) {
      if (underWay != null && underWay.deadline <= now) {
        unknown = underWay;
      }
      for (Queued next; (next = queue.peek()) != null && next.deadline() <= now; queue.remove()) {
        refused.add(next.message());
        free(next.message());
      }
      expiryDue = false;
      if (bytes > 0) {
        expireLater(soonest(now));
      }
    }
    refuse(refused);
    if (unknown != null) {
      end(unknown, "", isEvents ? unstored() : Receipt.UNKNOWN);
    }
  }

  private void expireLater(long nanos) {
    expiryDue = true;
    engine.runAfter(nanos, this::expire);
  }

  private long soonest(long now) {
    long soonest = now + timeoutNanos;
    if (underWay != null) {
      soonest = Math.min(soonest, underWay.deadline);
    }
    Queued first = queue.peek();
    if (first != null) {
      soonest = Math.min(soonest, first.deadline());
    }
    return Math.max(soonest - now, timeoutNanos / 100 + 1);
  }
}
