package dev.jev;

import java.lang.System.Logger.Level;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The queue of one event loop for published messages, joins, changes of policy and leaves of all
 * topics, and for the closes that wait for them, in order.
 *
 * <p>A {@link TopicMessage} is delivered to the subscribers on this loop. A {@link TopicSubscriber}
 * joins the first time it is taken from the queue, and leaves the second time. One task empties the
 * queue. After a slice it lets the loop serve its sockets, then continues where it stopped.
 * Consecutive messages of one topic are delivered as a {@link TopicBatch}, so that each subscriber
 * is flushed once.
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

  /** A subscriber that joins and gets messages first. */
  private record Join<O>(TopicSubscriber<O> subscriber, TopicReplay<O> replay) {

    private void drop() {
      replay.release();
      subscriber.topic().forget(subscriber);
    }
  }

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

  private final TopicBatch batch; // event loop only

  private TopicQueue(Loop loop) {
    this.loop = loop;
    this.batch = new TopicBatch(loop);
  }

  /** Returns the queue of an event loop. Any thread. */
  static TopicQueue of(Loop loop) {
    return loop.service(TopicQueue.class, TopicQueue::new);
  }

  // Any thread.

  // The caller of the following methods calls wake next, when it holds no monitor any more.

  /** Adds a message and retains it; returns false if the queue is full. */
  boolean offer(TopicMessage<?> published) {
    if (!reserve(published.message().size())) {
      return false;
    }
    published.message().retain();
    return queue.add(published);
  }

  private boolean reserve(long size) {
    if (bytes.getAndAdd(size) >= MAX_BYTES) {
      bytes.addAndGet(-size);
      return false;
    }
    return true;
  }

  /** Returns whether at most half of the space for messages is in use. */
  boolean hasRoom() {
    return bytes.get() <= MAX_BYTES / 2;
  }

  /** Adds a subscriber that joins; returns false if too many joins are pending. */
  boolean join(TopicSubscriber<?> subscriber) {
    return addLimited(subscriber);
  }

  /**
   * Adds a subscriber that joins and then gets a replay, whose reference is consumed; returns false
   * if too many joins are pending, or the queue is full.
   */
  <O> boolean join(TopicSubscriber<O> subscriber, TopicReplay<O> replay) {
    long size = replay.ownBytes();
    if (size == 0 || reserve(size)) {
      if (addLimited(new Join<>(subscriber, replay))) {
        return true;
      }
      bytes.addAndGet(-size);
    }
    replay.release();
    return false;
  }

  /**
   * Adds a change of a subscriber's policy, unless too many are pending; the subscriber must have
   * been added by {@code join} before.
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

  /** Adds a subscriber that leaves; it must have been added by {@code join} before. */
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

  /** Lets the event loop process what was added. */
  void wake() {
    if (!scheduled.get() && !queue.isEmpty() && scheduled.compareAndSet(false, true)) {
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
  private void drain() {
    for (Object next; (next = queue.poll()) != null; ) {
      if (next instanceof TopicMessage<?> published) {
        bytes.addAndGet(-published.message().size());
        published.message().release();
      } else if (next instanceof TopicSubscriber<?> subscriber) {
        forget(subscriber);
      } else if (next instanceof Join<?> join) {
        bytes.addAndGet(-join.replay.ownBytes());
        join.drop();
      }
    }
  }

  private static <O> void forget(TopicSubscriber<O> subscriber) {
    subscriber.topic().forget(subscriber);
  }

  // Event loop only.

  /** Processes one slice of the queue. */
  @Override
  public void run() {
    int remaining = DELIVERIES_PER_SLICE;
    while (remaining > 0) {
      if (!batch.isDone()) {
        remaining -= deliver(remaining);
      } else if (processNext()) {
        remaining -= batch.isDone() ? 1 : 0;
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
    if (next instanceof TopicMessage<?> published) {
      beginBatch(published);
    } else if (next instanceof TopicSubscriber<?> subscriber) {
      if (subscriber.isNew()) {
        joins.decrementAndGet();
      }
      subscriber.joinOrLeave();
    } else if (next instanceof Join<?> join) {
      joins.decrementAndGet();
      batch.begin(join.subscriber, join.replay); // first: it is released whatever happens
      join.subscriber.joinOrLeave();
    } else if (next instanceof PolicyChange<?> change) {
      joins.decrementAndGet();
      change.apply();
    } else if (next instanceof Runnable close) {
      close.run();
    }
  }

  private void beginBatch(TopicMessage<?> first) {
    Topic<?> topic = first.topic();
    batch.add(first);
    while (!batch.isFull()
        && queue.peek() instanceof TopicMessage<?> following
        && following.topic() == topic) {
      queue.poll();
      batch.add(following);
    }
    TopicShard<?> shard = topic.shardOn(loop);
    if (shard == null) {
      bytes.addAndGet(-batch.clear());
    } else {
      batch.begin(shard);
    }
  }

  /**
   * Goes on with the delivery of the batch; returns the number of attempted deliveries plus one.
   */
  private int deliver(int limit) {
    int attempted = batch.deliver(limit);
    if (batch.isDone()) {
      bytes.addAndGet(-batch.clear());
    }
    return attempted + 1;
  }

  /** Counts what is queued as dropped: the connections are closed. */
  @Override
  public void end() {
    while (!batch.isDone() || processNext()) {
      if (!batch.isDone()) {
        deliver(Integer.MAX_VALUE);
      }
    }
    ended = true;
    drain();
  }
}
