package dev.jev;

import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The delivery that a {@link TopicQueue} is working on, which may take several slices: of
 * consecutive messages of one topic to its subscribers on the event loop, or of a {@link
 * TopicReplay} to a subscriber that has just joined.
 *
 * <p>Event loop only. There is one per queue; it is used again for the next delivery.
 */
final class TopicBatch {

  /** Maximum number of published messages in a batch. */
  private static final int MAX_MESSAGES = 64;

  private final Loop loop;
  private final List<SharedMessage<?>> messages = new ArrayList<>();
  private final List<@Nullable Connection<?>> exceptions = new ArrayList<>(); // of the messages
  private boolean hasExceptions;
  private @Nullable TopicShard<?> shard; // gets the messages
  private @Nullable TopicReplay<?> replay;
  private @Nullable TopicSubscriber<?> joined; // gets the replay
  private int next; // the next slot of the shard, or the next message of the replay

  TopicBatch(Loop loop) {
    this.loop = loop;
  }

  boolean isFull() {
    return messages.size() >= MAX_MESSAGES;
  }

  /** Adds a message, whose reference is consumed. */
  void add(TopicMessage<?> published) {
    messages.add(published.message());
    exceptions.add(published.except());
    hasExceptions |= published.except() != null;
  }

  /** Begins the delivery of the messages that were added. */
  void begin(TopicShard<?> subscribers) {
    shard = subscribers;
    subscribers.beginIteration();
  }

  /** Begins the delivery of a replay, whose reference is consumed. */
  void begin(TopicSubscriber<?> subscriber, TopicReplay<?> first) {
    joined = subscriber;
    replay = first;
  }

  /** Returns whether everything was delivered. */
  boolean isDone() {
    return shard == null && joined == null;
  }

  /** Removes and releases all messages; returns the number of bytes that they counted as. */
  long clear() {
    long bytes = 0;
    for (SharedMessage<?> message : messages) {
      bytes += message.size();
      message.release();
    }
    messages.clear();
    exceptions.clear();
    hasExceptions = false;
    if (replay != null) {
      bytes += replay.ownBytes();
      replay.release();
      replay = null;
    }
    next = 0;
    return bytes;
  }

  /**
   * Goes on with the delivery; returns the number of attempted deliveries.
   *
   * @param limit the number of deliveries after which no further subscriber is served
   */
  int deliver(int limit) {
    int attempted = 0;
    loop.publishing = true;
    if (shard != null) {
      attempted = deliver(shard, limit);
    } else if (joined != null && replay != null) {
      attempted = replay(joined, replay, limit);
    }
    loop.publishing = false;
    return attempted;
  }

  @SuppressWarnings("unchecked") // all messages are of one topic
  private <O> int deliver(TopicShard<O> subscribers, int limit) {
    List<SharedMessage<O>> all = (List<SharedMessage<O>>) (List<?>) messages;
    int delivered = 0;
    int attempted = 0;
    while (next < subscribers.slotCount() && attempted < limit) {
      TopicSubscriber<O> subscriber = subscribers.get(next++);
      if (subscriber != null) {
        List<SharedMessage<O>> each = hasExceptions ? without(subscriber.connection(), all) : all;
        attempted += each.size();
        delivered += deliver(subscriber, each);
      }
    }
    subscribers.topic().counters().delivered(delivered);
    if (next >= subscribers.slotCount()) {
      shard = null;
      subscribers.endIteration();
    }
    return attempted;
  }

  /** Returns the messages without those that a connection does not get. */
  private <O> List<SharedMessage<O>> without(Connection<?> connection, List<SharedMessage<O>> all) {
    if (!exceptions.contains(connection)) {
      return all;
    }
    List<SharedMessage<O>> others = new ArrayList<>(all.size());
    for (int i = 0; i < all.size(); i++) {
      if (exceptions.get(i) != connection) {
        others.add(all.get(i));
      }
    }
    return others;
  }

  @SuppressWarnings("unchecked") // the replay is of the subscriber's topic
  private <O> int replay(TopicSubscriber<O> subscriber, TopicReplay<?> first, int limit) {
    List<SharedMessage<O>> all = ((TopicReplay<O>) first).messages();
    int count = subscriber.isGone() ? 0 : Math.min(all.size() - next, limit);
    subscriber.topic().counters().delivered(deliver(subscriber, all.subList(next, next + count)));
    next += count;
    if (next >= all.size() || subscriber.isGone()) {
      joined = null;
    }
    return count;
  }

  private static <O> int deliver(
      TopicSubscriber<O> subscriber, List<? extends SharedMessage<O>> messages) {
    try {
      return subscriber.deliver(messages);
    } catch (Throwable t) { // out of memory, even for closing the connection
      RateLimitedLog.write(Level.ERROR, "delivery of a published message failed", t);
      return 0;
    }
  }
}
