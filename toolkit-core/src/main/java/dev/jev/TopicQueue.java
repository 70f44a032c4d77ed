package dev.jev;

import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The queue of one event loop for published messages, joins, changes of policy and leaves of all
 * topics, and for the closes that wait for them, in order.
 *
 * <p>A {@link TopicMessage} is delivered to the subscribers on this loop. A {@link TopicSubscriber}
 * joins the first time it is taken from the queue, and leaves the second time. One task empties the
 * queue. After a slice it lets the loop serve its sockets, then continues where it stopped.
 * Consecutive messages of one topic are delivered as a batch, so that each subscriber is flushed
 * once.
 *
 * <p>Event loop only, except where noted.
 */
final class TopicQueue implements LoopService, Runnable {

  /** Maximum total size of queued messages, in bytes. */
  static final long MAX_BYTES = 16 * 1024 * 1024;

  /** Maximum number of pending joins and changes of policy. */
  private static final int MAX_JOINS = 1 << 20;

  /** Number of deliveries after which the loop serves its sockets again. */
  static final int DELIVERIES_PER_SLICE = 256;

  /** Maximum number of messages in a batch. */
  private static final int MAX_BATCH = 64;

  /** A subscriber's next policy. */
  private record PolicyChange<O>(TopicSubscriber<O> subscriber, SlowConsumer<? super O> policy) {

    private void apply() {
      subscriber.change(policy);
    }
  }

  private final Loop loop;

  // Any thread.
  private final Queue<Object> queue = new ConcurrentLinkedQueue<>();
  private final AtomicLong bytes = new AtomicLong();
  private final AtomicInteger joins = new AtomicInteger(); // and changes of policy
  private final AtomicBoolean scheduled = new AtomicBoolean();
  private volatile boolean ended;

  private final Consumer<TopicMessage<?>> releaser = this::release;
  private final List<TopicMessage<?>> batch = new ArrayList<>();
  private @Nullable TopicShard<?> shard; // receives the batch
  private int nextSlot; // of the next subscriber in the shard

  private TopicQueue(Loop loop) {
    this.loop = loop;
  }

  /** Returns the queue of an event loop. Any thread. */
  static TopicQueue of(Loop loop) {
    return loop.service(TopicQueue.class, TopicQueue::new);
  }

  // Any thread.

  /** Adds a message and retains it; returns false if the queue is full. */
  boolean offer(TopicMessage<?> topicMessage) {
    if (bytes.getAndAdd(topicMessage.size()) >= MAX_BYTES) {
      bytes.addAndGet(-topicMessage.size());
      return false;
    }
    queue.add(topicMessage.retain());
    wake();
    return true;
  }

  /**
   * Adds a subscriber that joins; returns false if too many joins are pending. The caller calls
   * {@link #wake} next.
   */
  boolean join(TopicSubscriber<?> subscriber) {
    return addLimited(subscriber);
  }

  /**
   * Adds a change of a subscriber's policy, unless too many are pending; the subscriber must have
   * been added by {@link #join} before. The caller calls {@link #wake} next.
   */
  <O> void change(TopicSubscriber<O> subscriber, SlowConsumer<? super O> policy) {
    addLimited(new PolicyChange<>(subscriber, policy));
  }

  private boolean addLimited(Object joinOrChange) {
    if (joins.incrementAndGet() > MAX_JOINS) {
      joins.decrementAndGet();
      return false;
    }
    return queue.add(joinOrChange);
  }

  /**
   * Adds a subscriber that leaves; it must have been added by {@link #join} before. The caller
   * calls {@link #wake} next.
   */
  void leave(TopicSubscriber<?> subscriber) {
    queue.add(subscriber);
  }

  @Override
  public boolean runBehind(Runnable task) {
    // A message of this thread may wait while run, which has found no other one, ends and goes on.
    if (!scheduled.get() && queue.isEmpty() && !scheduled.get()) {
      return false;
    }
    queue.add(task);
    wake();
    return true;
  }

  void wake() {
    if (!scheduled.get() && scheduled.compareAndSet(false, true)) {
      try {
        loop.executor().execute(this);
      } catch (RejectedExecutionException e) {
        ended = true;
      }
    }
    if (ended) {
      drain();
    }
  }

  /** Drops everything that was added after the end of the loop. */
  private synchronized void drain() {
    for (Object next; (next = queue.poll()) != null; ) {
      if (next instanceof TopicMessage<?> topicMessage) {
        release(topicMessage);
      } else if (next instanceof TopicSubscriber<?> subscriber) {
        forget(subscriber);
      }
    }
  }

  private static <O> void forget(TopicSubscriber<O> subscriber) {
    subscriber.topic().forget(subscriber);
  }

  private void release(TopicMessage<?> topicMessage) {
    bytes.addAndGet(-topicMessage.size());
    topicMessage.release();
  }

  // Event loop only.

  /** Processes one slice of the queue. */
  @Override
  public void run() {
    int remaining = DELIVERIES_PER_SLICE;
    while (remaining > 0) {
      if (shard != null) {
        remaining -= deliver(shard, remaining);
      } else if (processNext()) {
        remaining -= shard == null ? 1 : 0;
      } else {
        scheduled.set(false);
        if (queue.isEmpty() || !scheduled.compareAndSet(false, true)) {
          return;
        }
      }
    }
    try { // not execute: such a task would run before the sockets are served
      loop.executor().schedule(this, 0, TimeUnit.NANOSECONDS);
    } catch (RejectedExecutionException e) {
      end();
    }
  }

  /** Processes the next element of the queue; returns false if the queue is empty. */
  private boolean processNext() {
    Object next = queue.poll();
    try {
      process(next);
    } catch (Throwable t) { // out of memory, for example; the queue goes on
      RateLimitedLog.write(Level.ERROR, "event of a topic failed", t);
    }
    return next != null;
  }

  private void process(@Nullable Object next) {
    if (next instanceof TopicSubscriber<?> subscriber) {
      if (subscriber.isNew()) {
        joins.decrementAndGet();
      }
      subscriber.joinOrLeave();
    } else if (next instanceof PolicyChange<?> change) {
      joins.decrementAndGet();
      change.apply();
    } else if (next instanceof TopicMessage<?> topicMessage) {
      beginBatch(topicMessage);
    } else if (next instanceof Runnable close) {
      close.run();
    }
  }

  private void beginBatch(TopicMessage<?> first) {
    Topic<?> topic = first.topic();
    batch.add(first);
    while (batch.size() < MAX_BATCH
        && queue.peek() instanceof TopicMessage<?> following
        && following.topic() == topic) {
      queue.poll();
      batch.add(following);
    }
    shard = topic.shardOn(loop);
    if (shard == null) {
      endBatch();
    } else {
      shard.beginIteration();
    }
  }

  private void endBatch() {
    if (shard != null) {
      shard.endIteration();
      shard = null;
    }
    nextSlot = 0;
    batch.forEach(releaser);
    batch.clear();
  }

  /**
   * Delivers the batch to the next subscribers of a shard; returns the number of attempted
   * deliveries plus one.
   *
   * @param limit the number of deliveries after which no further subscriber is served
   */
  @SuppressWarnings("unchecked") // all messages of a batch are of one topic
  private <O> int deliver(TopicShard<O> subscribers, int limit) {
    List<TopicMessage<O>> messages = (List<TopicMessage<O>>) (List<?>) batch;
    int delivered = 0;
    int attempted = 0;
    loop.publishing = true;
    while (nextSlot < subscribers.slotCount() && attempted < limit) {
      TopicSubscriber<O> subscriber = subscribers.get(nextSlot++);
      if (subscriber != null) {
        attempted += messages.size();
        try {
          delivered += subscriber.deliver(messages);
        } catch (Throwable t) { // out of memory, even for closing the connection
          RateLimitedLog.write(Level.ERROR, "delivery of a published message failed", t);
        }
      }
    }
    loop.publishing = false;
    subscribers.topic().delivered(delivered);
    if (nextSlot >= subscribers.slotCount()) {
      endBatch();
    }
    return attempted + 1;
  }

  /** Counts what is queued as dropped: the connections are closed. */
  @Override
  public void end() {
    while (shard != null || processNext()) {
      if (shard != null) {
        deliver(shard, Integer.MAX_VALUE);
      }
    }
    ended = true;
    drain();
  }
}
