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
final class Backlog {

  /** The shortest time between two looks for messages that have waited too long. */
  private static final long MIN_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  /** Something that waits. */
  static final class Entry {

    private Object content; // a ByteBuf or a Publication
    private long size;
    private long since; // when it began to wait
    private final @Nullable CompletableFuture<Void> written;
    private final boolean sent; // by send
    private @Nullable Subscriber<?> subscriber; // null if it is not for a topic's subscriber
    final @Nullable Object key;

    private @Nullable Entry next;
    private @Nullable Entry previous;
    @Nullable Entry nextOfSubscriber;

    private Entry(
        Object content,
        @Nullable CompletableFuture<Void> written,
        boolean sent,
        @Nullable Subscriber<?> subscriber,
        @Nullable Object key) {
      this.content = content;
      this.size = sizeOf(content);
      this.written = written;
      this.sent = sent;
      this.subscriber = subscriber;
      this.key = key;
    }

    private static long sizeOf(Object content) {
      return content instanceof Publication<?> publication
          ? publication.size()
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
    Publication<?> publication() {
      return (Publication<?>) content;
    }

    @Nullable CompletableFuture<Void> written() {
      return written;
    }

    @Nullable Subscriber<?> subscriber() {
      return subscriber;
    }

    void release() {
      if (content instanceof ByteBuf bytes) {
        bytes.release();
      } else {
        publication().release();
      }
    }

    private boolean isDroppable() {
      Subscriber<?> of = subscriber;
      return of == null ? sent : !of.policy().closes();
    }

    private long age(long now) {
      return now - since;
    }
  }

  private final NettyConnection<?, ?> connection;
  private @Nullable Entry first;
  private @Nullable Entry last;
  private int unpacked; // entries without bytes
  private @Nullable ScheduledFuture<?> deadline; // of what may not be dropped
  private volatile long bytes; // written by the event loop, read by any thread

  Backlog(NettyConnection<?, ?> connection) {
    this.connection = connection;
  }

  boolean isEmpty() {
    return first == null;
  }

  long bytes() {
    return bytes;
  }

  /** Adds a message that was sent. */
  void addMessage(ByteBuf packed, @Nullable CompletableFuture<Void> written) {
    append(new Entry(packed, written, /* sent= */ true, null, null));
  }

  /** Adds bytes of the protocol's own, which are never dropped. */
  void addOwn(ByteBuf packed) {
    append(new Entry(packed, null, /* sent= */ false, null, null));
  }

  /**
   * Adds a published message, or does instead what the subscriber's policy says. Takes over {@code
   * content}, its packed bytes or itself; {@code room} is how much more may wait.
   */
  <O> void add(Object content, O message, Subscriber<O> subscriber, long room) {
    SlowConsumer<? super O> policy = subscriber.policy();
    Lag lag = subscriber.lag();
    Object key;
    try {
      key = policy.key(message);
    } catch (Throwable t) {
      connection.settings().errors().warning("no key of a message of " + subscriber.topic(), t);
      drop(new Entry(content, null, /* sent= */ false, subscriber, null));
      return;
    }
    Entry entry = new Entry(content, null, /* sent= */ false, subscriber, key);
    entry.since = connection.loop().nanoTime();
    Entry older = key == null ? null : lag.find(key);
    if (older != null) {
      replace(older, entry);
    } else {
      dropAged(lag, policy, entry.since);
      admit(entry, subscriber, room);
    }
  }

  private void replace(Entry older, Entry newer) {
    Subscriber<?> subscriber = newer.subscriber;
    if (subscriber == null) {
      return;
    }
    older.release();
    exchange(older, newer.content);
    older.since = newer.since;
    Lag lag = subscriber.lag();
    lag.conflate();
    subscriber.topic().conflated();
    while (lag.bytes() > subscriber.policy().maxBytes()) {
      dropOldest(lag);
    }
  }

  private void admit(Entry entry, Subscriber<?> subscriber, long room) {
    Lag lag = subscriber.lag();
    SlowConsumer<?> policy = subscriber.policy();
    long left = room;
    while (policy.dropsOldest() && lag.oldest() != null && !fits(entry, lag, policy, left)) {
      left += dropOldest(lag);
    }
    if (fits(entry, lag, policy, left)) {
      append(entry);
      lag.add(entry);
      if (policy.closes() && deadline == null) {
        lookAgain(policy.maxAgeNanos());
      }
      return;
    }
    drop(entry);
    if (policy.closes()) {
      subscriber.closeForLag();
    }
  }

  private static boolean fits(Entry entry, Lag lag, SlowConsumer<?> policy, long room) {
    boolean isFirst = lag.oldest() == null; // which may be longer than the limit
    return room > 0 && (isFirst || lag.bytes() + entry.size <= policy.maxBytes());
  }

  /** Drops what has waited too long, if it may be dropped. */
  private void dropAged(Lag lag, SlowConsumer<?> policy, long now) {
    for (Entry oldest; (oldest = lag.oldest()) != null; ) {
      if (policy.closes() || oldest.age(now) <= policy.maxAgeNanos()) {
        return;
      }
      dropOldest(lag);
    }
  }

  /** Drops the oldest entry of a subscription, which there is; returns its size. */
  private long dropOldest(Lag lag) {
    Entry oldest = lag.oldest();
    if (oldest == null) {
      return 0;
    }
    remove(oldest);
    drop(oldest);
    return oldest.size;
  }

  private static void drop(Entry entry) {
    entry.release();
    if (entry.subscriber != null) {
      entry.subscriber.drop();
    }
  }

  /** Takes the oldest entry that has not waited too long, or returns null. */
  @Nullable Entry poll() {
    for (Entry entry; (entry = first) != null; ) {
      remove(entry);
      Subscriber<?> subscriber = entry.subscriber;
      if (subscriber == null || !isAged(entry, subscriber)) {
        return entry;
      }
      drop(entry);
      if (subscriber.policy().closes()) {
        subscriber.closeForLag();
      }
    }
    return null;
  }

  private boolean isAged(Entry entry, Subscriber<?> subscriber) {
    return entry.age(connection.loop().nanoTime()) > subscriber.policy().maxAgeNanos();
  }

  /** Closes the connection if something has waited too long that may not be dropped. */
  private void look() {
    deadline = null;
    long now = connection.loop().nanoTime();
    long soonest = Long.MAX_VALUE;
    for (Entry entry = first; entry != null; entry = entry.next) {
      Subscriber<?> subscriber = entry.subscriber;
      if (subscriber != null && subscriber.policy().closes()) {
        long left = subscriber.policy().maxAgeNanos() - entry.age(now);
        if (left <= 0) {
          subscriber.closeForLag();
          return;
        }
        soonest = Math.min(soonest, left);
      }
    }
    if (soonest < Long.MAX_VALUE) {
      lookAgain(Math.max(soonest, MIN_PAUSE_NANOS));
    }
  }

  private void lookAgain(long nanos) {
    deadline = connection.loop().executor().schedule(this::look, nanos, TimeUnit.NANOSECONDS);
  }

  /**
   * Drops the oldest entries that may be, never the newest one, until there are few enough bytes.
   */
  void shrink(long limit) {
    for (Entry entry = first; bytes > limit && entry != null && entry != last; ) {
      Entry after = entry.next;
      if (entry.isDroppable()) {
        remove(entry);
        drop(entry, Outcome.OVER_LIMIT);
      }
      entry = after;
    }
  }

  private static void drop(Entry entry, Outcome outcome) {
    if (entry.subscriber == null) {
      Outbound.drop(entry.content, entry.written, outcome);
    } else {
      drop(entry);
    }
  }

  /** Whether something waits that is still to be packed. */
  boolean hasUnpacked() {
    return unpacked > 0;
  }

  /**
   * Packs what is not packed, for a protocol that is about to pack something behind it, or to say
   * goodbye. From now on it cannot be dropped.
   */
  <O> void packAll(Session<?, O> session) {
    for (Entry entry = first; unpacked > 0 && entry != null; ) {
      Entry after = entry.next;
      if (entry.subscriber != null) {
        settle(entry, entry.subscriber, session);
      }
      entry = after;
    }
  }

  private <O> void settle(Entry entry, Subscriber<?> subscriber, Session<?, O> session) {
    if (entry.bytes() == null && !pack(entry, session)) {
      remove(entry);
      drop(entry);
      return;
    }
    takeOffLag(entry, subscriber);
    subscriber.topic().delivered(1);
    entry.subscriber = null;
  }

  @SuppressWarnings("unchecked") // only messages of the connection's type are published to it
  private <O> boolean pack(Entry entry, Session<?, O> session) {
    Publication<O> publication = (Publication<O>) entry.publication();
    ByteBuf packed = session.packPublished(publication);
    if (packed == null) {
      return false;
    }
    exchange(entry, packed);
    publication.release();
    return true;
  }

  private void exchange(Entry entry, Object content) {
    Subscriber<?> subscriber = entry.subscriber;
    unpacked -= entry.bytes() == null ? 1 : 0;
    long before = entry.size;
    entry.content = content;
    entry.size = Entry.sizeOf(content);
    unpacked += entry.bytes() == null ? 1 : 0;
    count(entry.size - before);
    if (subscriber != null) {
      subscriber.lag().count(entry.size - before);
    }
  }

  /** Drops everything; the connection is closed. */
  void release() {
    for (Entry entry; (entry = first) != null; ) {
      remove(entry);
      drop(entry, Outcome.CLOSED);
    }
    if (deadline != null) {
      deadline.cancel(false);
      deadline = null;
    }
  }

  // The list.

  private void append(Entry entry) {
    entry.previous = last;
    if (last == null) {
      first = entry;
    } else {
      last.next = entry;
    }
    last = entry;
    unpacked += entry.bytes() == null ? 1 : 0;
    count(entry.size);
  }

  private void remove(Entry entry) {
    if (entry.previous == null) {
      first = entry.next;
    } else {
      entry.previous.next = entry.next;
    }
    if (entry.next == null) {
      last = entry.previous;
    } else {
      entry.next.previous = entry.previous;
    }
    entry.next = null;
    entry.previous = null;
    unpacked -= entry.bytes() == null ? 1 : 0;
    count(-entry.size);
    if (entry.subscriber != null) {
      takeOffLag(entry, entry.subscriber);
    }
  }

  /** Entries leave in the order of the list, so it is the oldest of its subscription. */
  private static void takeOffLag(Entry entry, Subscriber<?> subscriber) {
    subscriber.lag().removeOldest(entry);
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  private void count(long change) {
    bytes += change;
  }
}
