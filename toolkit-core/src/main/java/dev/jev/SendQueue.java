package dev.jev;

import dev.jev.Delivery.Outcome;
import io.netty.buffer.ByteBuf;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * What waits in order for the channel to become writable, and can be dropped or replaced meanwhile.
 *
 * <p>Published messages wait here as their {@link SlowConsumer} says, messages that were sent if
 * the oldest of them are dropped at the limit; and everything else once something waits.
 *
 * <p>A published message waits as the bytes that it shares with other connections. Where it has no
 * such bytes it is packed only when it is written, since to pack it may change what the protocol
 * packs next, and it may still be dropped.
 *
 * <p>Event loop only, except {@link #bytes}.
 */
final class SendQueue {

  /** The shortest time between two looks for messages that have waited too long. */
  private static final long MIN_AGE_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  /** Something that waits. */
  static final class Item {

    private Object content; // a ByteBuf or a SharedMessage
    private long size;
    private long queuedAt; // when it began to wait
    private final @Nullable CompletableFuture<Void> written;
    private final boolean sent; // by send
    private @Nullable SubscriberPort<?> subscriber; // null if it is not for a topic's subscriber
    final @Nullable Object key;

    private @Nullable Item next;
    private @Nullable Item previous;
    @Nullable Item nextOfSubscriber;

    private Item(
        Object content,
        @Nullable CompletableFuture<Void> written,
        boolean sent,
        @Nullable SubscriberPort<?> subscriber,
        @Nullable Object key) {
      this.content = content;
      this.size = sizeOf(content);
      this.written = written;
      this.sent = sent;
      this.subscriber = subscriber;
      this.key = key;
    }

    private static long sizeOf(Object content) {
      return content instanceof SharedMessage<?> shared
          ? shared.size()
          : (long) ((ByteBuf) content).readableBytes() + Mailbox.MESSAGE_OVERHEAD;
    }

    /** What it counts for, in bytes. */
    long size() {
      return size;
    }

    /** A packed message, or bytes of the protocol's own; null if it is to be packed. */
    @Nullable ByteBuf bytes() {
      return content instanceof ByteBuf bytes ? bytes : null;
    }

    /** The message to be packed, if there are no bytes. */
    SharedMessage<?> shared() {
      return (SharedMessage<?>) content;
    }

    @Nullable CompletableFuture<Void> written() {
      return written;
    }

    @Nullable SubscriberPort<?> subscriber() {
      return subscriber;
    }

    void release() {
      if (content instanceof ByteBuf bytes) {
        bytes.release();
      } else {
        shared().release();
      }
    }

    private boolean isDroppable() {
      SubscriberPort<?> receiver = subscriber;
      return receiver == null ? sent : !receiver.policy().closes();
    }

    private long age(long now) {
      return now - queuedAt;
    }
  }

  private final Loop loop;
  private final RateLimitedLog errors;
  private @Nullable Item first;
  private @Nullable Item last;
  private int unpackedCount; // entries without bytes
  private @Nullable ScheduledFuture<?> ageCheck; // of what may not be dropped
  private volatile long bytes; // written by the event loop, read by any thread

  SendQueue(Loop loop, RateLimitedLog errors) {
    this.loop = loop;
    this.errors = errors;
  }

  boolean isEmpty() {
    return first == null;
  }

  long bytes() {
    return bytes;
  }

  /** Adds a message that was sent. */
  void addMessage(ByteBuf packed, @Nullable CompletableFuture<Void> written) {
    append(new Item(packed, written, /* sent= */ true, null, null));
  }

  /** Adds bytes of the protocol's own, which are never dropped. */
  void addProtocolBytes(ByteBuf packed) {
    append(new Item(packed, null, /* sent= */ false, null, null));
  }

  /**
   * Adds a published message, or does instead what the subscriber's policy says. Takes over {@code
   * content}, its packed bytes or itself; {@code room} is how much more may wait.
   */
  <O> void add(Object content, O message, SubscriberPort<O> subscriber, long room) {
    SlowConsumer<? super O> policy = subscriber.policy();
    SubscriberQueue queue = subscriber.queue();
    Object key;
    try {
      key = policy.key(message);
    } catch (Throwable t) {
      errors.warning("no key of a message of " + subscriber, t);
      drop(new Item(content, null, /* sent= */ false, subscriber, null));
      return;
    }
    Item item = new Item(content, null, /* sent= */ false, subscriber, key);
    item.queuedAt = loop.nanoTime();
    Item older = key == null ? null : queue.find(key);
    if (older != null) {
      replace(older, item);
    } else {
      dropExpired(queue, policy, item.queuedAt);
      admit(item, subscriber, room);
    }
  }

  private void replace(Item older, Item newer) {
    SubscriberPort<?> subscriber = newer.subscriber;
    if (subscriber == null) {
      return;
    }
    older.release();
    replaceContent(older, newer.content);
    older.queuedAt = newer.queuedAt;
    SubscriberQueue queue = subscriber.queue();
    subscriber.conflate();
    while (queue.bytes() > subscriber.policy().maxBytes()) {
      dropOldest(queue);
    }
  }

  private void admit(Item item, SubscriberPort<?> subscriber, long room) {
    SubscriberQueue queue = subscriber.queue();
    SlowConsumer<?> policy = subscriber.policy();
    long remaining = room;
    while (policy.dropsOldest()
        && queue.oldest() != null
        && !fits(item, queue, policy, remaining)) {
      remaining += dropOldest(queue);
    }
    if (fits(item, queue, policy, remaining)) {
      append(item);
      queue.add(item);
      if (policy.closes() && ageCheck == null) {
        scheduleAgeCheck(policy.maxAgeNanos());
      }
      return;
    }
    drop(item);
    if (policy.closes()) {
      subscriber.closeAsSlow();
    }
  }

  private static boolean fits(Item item, SubscriberQueue queue, SlowConsumer<?> policy, long room) {
    boolean isFirst = queue.oldest() == null; // which may be longer than the limit
    return room > 0 && (isFirst || queue.bytes() + item.size <= policy.maxBytes());
  }

  /** Drops what has waited too long, if it may be dropped. */
  private void dropExpired(SubscriberQueue queue, SlowConsumer<?> policy, long now) {
    for (Item oldest; (oldest = queue.oldest()) != null; ) {
      if (policy.closes() || oldest.age(now) <= policy.maxAgeNanos()) {
        return;
      }
      dropOldest(queue);
    }
  }

  /** Drops the oldest entry of a subscription, which there is; returns its size. */
  private long dropOldest(SubscriberQueue queue) {
    Item oldest = queue.oldest();
    if (oldest == null) {
      return 0;
    }
    remove(oldest);
    drop(oldest);
    return oldest.size;
  }

  private static void drop(Item item) {
    item.release();
    if (item.subscriber != null) {
      item.subscriber.drop();
    }
  }

  /** Takes the oldest entry that has not waited too long, or returns null. */
  @Nullable Item poll() {
    for (Item item; (item = first) != null; ) {
      remove(item);
      SubscriberPort<?> subscriber = item.subscriber;
      if (subscriber == null || !isExpired(item, subscriber)) {
        return item;
      }
      drop(item);
      if (subscriber.policy().closes()) {
        subscriber.closeAsSlow();
      }
    }
    return null;
  }

  private boolean isExpired(Item item, SubscriberPort<?> subscriber) {
    return item.age(loop.nanoTime()) > subscriber.policy().maxAgeNanos();
  }

  /** Closes the connection if something has waited too long that may not be dropped. */
  private void checkAges() {
    ageCheck = null;
    long now = loop.nanoTime();
    long soonest = Long.MAX_VALUE;
    for (Item item = first; item != null; item = item.next) {
      SubscriberPort<?> subscriber = item.subscriber;
      if (subscriber != null && subscriber.policy().closes()) {
        long remaining = subscriber.policy().maxAgeNanos() - item.age(now);
        if (remaining <= 0) {
          subscriber.closeAsSlow();
          return;
        }
        soonest = Math.min(soonest, remaining);
      }
    }
    if (soonest < Long.MAX_VALUE) {
      scheduleAgeCheck(Math.max(soonest, MIN_AGE_CHECK_NANOS));
    }
  }

  private void scheduleAgeCheck(long nanos) {
    ageCheck = loop.executor().schedule(this::checkAges, nanos, TimeUnit.NANOSECONDS);
  }

  /**
   * Drops the oldest entries that may be, never the newest one, until there are few enough bytes.
   */
  void shrink(long limit) {
    for (Item item = first; bytes > limit && item != null && item != last; ) {
      Item after = item.next;
      if (item.isDroppable()) {
        remove(item);
        drop(item, Outcome.OVER_LIMIT);
      }
      item = after;
    }
  }

  private static void drop(Item item, Outcome outcome) {
    if (item.subscriber == null) {
      Undelivered.drop(item.content, item.written, outcome);
    } else {
      drop(item);
    }
  }

  /** Whether something waits that is still to be packed. */
  boolean hasUnpacked() {
    return unpackedCount > 0;
  }

  /**
   * Packs what is not packed, for a protocol that is about to pack something behind it, or to say
   * goodbye. From now on it cannot be dropped.
   */
  <O> void packAll(SharedMessage.Packer<O> packer) {
    for (Item item = first; unpackedCount > 0 && item != null; ) {
      Item after = item.next;
      if (item.subscriber != null) {
        commit(item, item.subscriber, packer);
      }
      item = after;
    }
  }

  private <O> void commit(Item item, SubscriberPort<?> subscriber, SharedMessage.Packer<O> packer) {
    if (item.bytes() == null && !pack(item, packer)) {
      remove(item);
      drop(item);
      return;
    }
    removeFromSubscriber(item, subscriber);
    subscriber.countDelivered();
    item.subscriber = null;
  }

  @SuppressWarnings("unchecked") // only messages of the connection's type are published to it
  private <O> boolean pack(Item item, SharedMessage.Packer<O> packer) {
    SharedMessage<O> message = (SharedMessage<O>) item.shared();
    ByteBuf packed = packer.packShared(message);
    if (packed == null) {
      return false;
    }
    replaceContent(item, packed);
    message.release();
    return true;
  }

  private void replaceContent(Item item, Object content) {
    SubscriberPort<?> subscriber = item.subscriber;
    unpackedCount -= item.bytes() == null ? 1 : 0;
    long before = item.size;
    item.content = content;
    item.size = Item.sizeOf(content);
    unpackedCount += item.bytes() == null ? 1 : 0;
    count(item.size - before);
    if (subscriber != null) {
      subscriber.queue().count(item.size - before);
    }
  }

  /** Drops everything; the connection is closed. */
  void release() {
    for (Item item; (item = first) != null; ) {
      remove(item);
      drop(item, Outcome.CLOSED);
    }
    if (ageCheck != null) {
      ageCheck.cancel(false);
      ageCheck = null;
    }
  }

  // The list.

  private void append(Item item) {
    item.previous = last;
    if (last == null) {
      first = item;
    } else {
      last.next = item;
    }
    last = item;
    unpackedCount += item.bytes() == null ? 1 : 0;
    count(item.size);
  }

  private void remove(Item item) {
    if (item.previous == null) {
      first = item.next;
    } else {
      item.previous.next = item.next;
    }
    if (item.next == null) {
      last = item.previous;
    } else {
      item.next.previous = item.previous;
    }
    item.next = null;
    item.previous = null;
    unpackedCount -= item.bytes() == null ? 1 : 0;
    count(-item.size);
    if (item.subscriber != null) {
      removeFromSubscriber(item, item.subscriber);
    }
  }

  /** Entries leave in the order of the list, so it is the oldest of its subscription. */
  private static void removeFromSubscriber(Item item, SubscriberPort<?> subscriber) {
    subscriber.queue().removeOldest(item);
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  private void count(long change) {
    bytes += change;
  }
}
