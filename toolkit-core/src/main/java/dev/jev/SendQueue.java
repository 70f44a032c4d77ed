package dev.jev;

import dev.jev.Delivery.Outcome;
import io.netty.buffer.ByteBuf;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The output that waits, in order, for the channel to become writable. Queued messages can still be
 * dropped or replaced.
 *
 * <p>Published messages are queued according to their {@link SlowConsumer}. Sent messages are
 * queued with {@link OverflowPolicy#DROP_OLDEST}. While the queue is not empty, all other output is
 * queued after it.
 *
 * <p>A published message is queued as the bytes that it shares with other connections. Without
 * shared bytes, it is packed only when it is written: packing may change the state of the protocol,
 * and the message may still be dropped.
 *
 * <p><b>Hold.</b> While a message has been sent in part, only its other parts may be packed.
 * Messages that are published meanwhile are held at the end of the queue; what is sent goes before
 * them.
 *
 * <p>Event loop only, except {@link #bytes}.
 */
final class SendQueue {

  /** Minimum time between two checks for messages that exceed their maximum age. */
  private static final long MIN_AGE_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  /** A queued message, or bytes of the protocol. */
  static final class Item {

    private Object content; // a ByteBuf or a SharedMessage
    private long size;
    private long queuedAt; // in nanoseconds of the loop
    private final @Nullable CompletableFuture<Void> written;
    private final boolean sent; // by Connection.send
    private final boolean published; // to a Topic
    private @Nullable SubscriberPort<?> subscriber; // null if not published, or already counted
    final @Nullable Object key;
    final int hash; // of the key, which is not asked again

    private @Nullable Item next;
    private @Nullable Item previous;
    @Nullable Item nextOfSubscriber;
    @Nullable Item previousOfSubscriber;
    @Nullable Item nextOfHash;

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
      this.published = subscriber != null;
      this.subscriber = subscriber;
      this.key = key;
      this.hash = key == null ? 0 : key.hashCode();
    }

    private static long sizeOf(Object content) {
      return content instanceof SharedMessage<?> shared
          ? shared.size()
          : (long) ((ByteBuf) content).readableBytes() + Mailbox.MESSAGE_OVERHEAD;
    }

    /** Returns the number of bytes that this item counts as. */
    long size() {
      return size;
    }

    /** Returns the packed message or the protocol's bytes; null if it is not packed yet. */
    @Nullable ByteBuf bytes() {
      return content instanceof ByteBuf bytes ? bytes : null;
    }

    /** Returns the message to be packed, if {@link #bytes} is null. */
    SharedMessage<?> shared() {
      return (SharedMessage<?>) content;
    }

    @Nullable CompletableFuture<Void> written() {
      return written;
    }

    @Nullable SubscriberPort<?> subscriber() {
      return subscriber;
    }

    /** Returns whether this is a message, rather than bytes of the protocol. */
    boolean isMessage() {
      return sent || published;
    }

    void release() {
      if (content instanceof ByteBuf bytes) {
        ReferenceCountUtil.safeRelease(bytes);
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
  private @Nullable Item held; // the first item that is held; those after it are held, too
  private boolean holding;
  private int unpackedCount; // items that are not packed yet
  private @Nullable ScheduledFuture<?> ageCheck; // for subscribers that are closed when slow
  private long ageCheckTime; // of the loop, in nanoseconds
  private volatile long bytes; // written by the event loop, read by any thread

  SendQueue(Loop loop, RateLimitedLog errors) {
    this.loop = loop;
    this.errors = errors;
  }

  boolean isEmpty() {
    return first == null;
  }

  /** Returns whether there are items that are not held. */
  boolean hasReady() {
    return first != null && first != held;
  }

  /** Holds the published messages that are added from now on. */
  void hold() {
    holding = true;
  }

  /** Ends the hold: the messages may be packed. */
  void endHold() {
    holding = false;
    held = null;
  }

  long bytes() {
    return bytes;
  }

  /** Adds a message that was sent. */
  void addMessage(ByteBuf packed, @Nullable CompletableFuture<Void> written) {
    append(new Item(packed, written, /* sent= */ true, null, null));
  }

  /** Adds bytes that the protocol has written itself; they are never dropped. */
  void addProtocolBytes(ByteBuf packed, @Nullable CompletableFuture<Void> written) {
    append(new Item(packed, written, /* sent= */ false, null, null));
  }

  /**
   * Adds a published message, or applies the subscriber's policy.
   *
   * @param content the packed bytes, or the shared message; ownership passes to the queue
   * @param room the number of bytes that may still be queued on the connection
   */
  <O> void add(Object content, O message, SubscriberPort<O> subscriber, long room) {
    SlowConsumer<? super O> policy = subscriber.policy();
    SubscriberQueue queue = subscriber.queue();
    Item item;
    Item older;
    try { // the user's code may throw, and may send further messages
      item = new Item(content, null, /* sent= */ false, subscriber, policy.key(message));
      older = queue.find(item);
    } catch (Throwable t) {
      errors.warning("conflation key failed for a message of " + subscriber, t);
      drop(new Item(content, null, /* sent= */ false, subscriber, null));
      return;
    }
    item.queuedAt = loop.nanoTime();
    if (older != null && isReplaceable(older)) {
      replace(older, item, room);
    } else {
      dropExpired(queue, policy, item.queuedAt);
      admit(item, subscriber, room);
    }
  }

  /** Returns whether an item is still queued and may be replaced. */
  private boolean isReplaceable(Item item) {
    return item.subscriber != null && (item == first || item.previous != null);
  }

  /** Replaces the content of an item, after others were dropped to make room if it is longer. */
  private void replace(Item older, Item newer, long room) {
    SubscriberPort<?> subscriber = newer.subscriber;
    if (subscriber == null) {
      return;
    }
    SubscriberQueue queue = subscriber.queue();
    long available = room + older.size;
    long longest = subscriber.policy().maxBytes() - newer.size + older.size;
    for (Item other; available <= 0 || queue.bytes() > longest; available += other.size) {
      other = older == queue.oldest() ? older.nextOfSubscriber : queue.oldest();
      if (other == null) {
        break; // a single message may exceed the limit
      }
      remove(other);
      drop(other);
    }
    if (available <= 0) {
      drop(newer);
      return;
    }
    older.release();
    replaceContent(older, newer.content);
    older.queuedAt = newer.queuedAt;
    subscriber.conflate();
  }

  private void admit(Item item, SubscriberPort<?> subscriber, long room) {
    SubscriberQueue queue = subscriber.queue();
    SlowConsumer<?> policy = subscriber.policy();
    long available = room;
    while (policy.dropsOldest()
        && queue.oldest() != null
        && !fits(item, queue, policy, available)) {
      available += dropOldest(queue);
    }
    if (fits(item, queue, policy, available)) {
      append(item);
      queue.add(item);
      if (policy.closes()) {
        checkAgesAt(item.queuedAt + policy.maxAgeNanos());
      }
      return;
    }
    drop(item);
    if (policy.closes()) {
      subscriber.closeAsSlow();
    }
  }

  private static boolean fits(Item item, SubscriberQueue queue, SlowConsumer<?> policy, long room) {
    boolean isFirst = queue.oldest() == null; // a single message may exceed the limit
    return room > 0 && (isFirst || queue.bytes() + item.size <= policy.maxBytes());
  }

  /** Drops messages that exceed the maximum age, unless the policy closes the connection. */
  private void dropExpired(SubscriberQueue queue, SlowConsumer<?> policy, long now) {
    for (Item oldest; (oldest = queue.oldest()) != null; ) {
      if (policy.closes() || oldest.age(now) <= policy.maxAgeNanos()) {
        return;
      }
      dropOldest(queue);
    }
  }

  /** Drops the oldest item of a subscription; returns its size, or 0 if there is none. */
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

  /**
   * Removes the oldest item that does not exceed its maximum age, and drops those before it;
   * returns null if there is none.
   */
  @Nullable Item poll() {
    for (Item item; hasReady() && (item = first) != null; ) {
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

  /** Applies the maximum age of a subscriber's changed policy to its queued messages. */
  void policyChanged(SubscriberPort<?> subscriber) {
    if (!subscriber.policy().closes()) {
      return;
    }
    long now = loop.nanoTime();
    long age = 0;
    for (Item item = subscriber.queue().oldest(); item != null; item = item.nextOfSubscriber) {
      age = Math.max(age, item.age(now)); // a conflated message may be younger than the next one
    }
    checkAgesAt(now + subscriber.policy().maxAgeNanos() - age);
  }

  /** Closes the connection if a message that may not be dropped exceeds its maximum age. */
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
      checkAgesAt(now + Math.max(soonest, MIN_AGE_CHECK_NANOS));
    }
  }

  /** Schedules {@link #checkAges}, unless it is scheduled for about that time or earlier. */
  private void checkAgesAt(long time) {
    if (ageCheck != null) {
      if (ageCheckTime - time <= MIN_AGE_CHECK_NANOS) {
        return;
      }
      ageCheck.cancel(false);
    }
    ageCheckTime = time;
    long delay = time - loop.nanoTime();
    ageCheck = loop.executor().schedule(this::checkAges, delay, TimeUnit.NANOSECONDS);
  }

  /**
   * Drops the oldest droppable items, never the newest item, until at most {@code limit} bytes are
   * queued.
   */
  void shrink(long limit) {
    Item newest = held == null ? last : held.previous;
    for (Item item = first; bytes > limit && item != null && item != newest; ) {
      Item after = item.next;
      if (item.isDroppable()) {
        remove(item);
        drop(item, Outcome.OVER_LIMIT);
      }
      item = after;
    }
  }

  private void drop(Item item, Outcome outcome) {
    if (item.subscriber == null) {
      Undelivered.drop(item.content, item.written, outcome, loop.completions());
    } else {
      drop(item);
    }
  }

  /** Returns whether an item is not packed yet. */
  boolean hasUnpacked() {
    return unpackedCount > 0;
  }

  /**
   * Packs all items that are not packed yet, before the protocol packs a further message or writes
   * its close frame. Published messages can no longer be dropped afterwards.
   */
  <O> void packAll(SharedMessage.Packer<O> packer) {
    for (Item item = first; unpackedCount > 0 && item != null && item != held; ) {
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
    ByteBuf packed = packer.packAlone(message);
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

  /** Adds an item at the end, or before the held ones if it is not published. */
  private void append(Item item) {
    Item after = item.subscriber == null ? held : null;
    Item before = after == null ? last : after.previous;
    item.previous = before;
    item.next = after;
    if (before == null) {
      first = item;
    } else {
      before.next = item;
    }
    if (after == null) {
      last = item;
    } else {
      after.previous = item;
    }
    if (holding && held == null && item.subscriber != null) {
      held = item;
    }
    unpackedCount += item.bytes() == null ? 1 : 0;
    count(item.size);
  }

  private void remove(Item item) {
    if (item == held) {
      held = item.next;
    }
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

  private static void removeFromSubscriber(Item item, SubscriberPort<?> subscriber) {
    subscriber.queue().remove(item);
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // written by one thread only
  private void count(long change) {
    bytes += change;
  }
}
