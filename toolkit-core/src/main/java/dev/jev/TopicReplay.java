package dev.jev;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The messages that a subscriber gets when it joins, before those that are published afterwards.
 *
 * <p>It holds a reference to each message, and is itself reference-counted: subscribers that join
 * without a publication between them share one. Any thread.
 */
final class TopicReplay<O> {

  private final List<SharedMessage<O>> messages;
  private final long ownBytes;
  private final AtomicInteger references = new AtomicInteger(1);

  private TopicReplay(List<SharedMessage<O>> messages, long ownBytes) {
    this.messages = messages;
    this.ownBytes = ownBytes;
  }

  /** Returns a replay of messages that others hold too, to which it retains references. */
  static <O> TopicReplay<O> of(List<SharedMessage<O>> messages) {
    List<SharedMessage<O>> retained = new ArrayList<>(messages.size());
    try {
      messages.forEach(message -> retained.add(message.retain()));
    } catch (Throwable t) {
      retained.forEach(SharedMessage::release);
      throw t;
    }
    return new TopicReplay<>(retained, 0);
  }

  /** Returns a replay of messages for one subscriber, which it consumes as a send does. */
  static <O> TopicReplay<O> ofSnapshot(Collection<? extends O> snapshot) {
    List<SharedMessage<O>> messages = new ArrayList<>(snapshot.size());
    RuntimeException failure = null;
    long bytes = 0;
    for (O each : snapshot) {
      try {
        SharedMessage<O> message = SharedMessage.of(each);
        messages.add(message);
        bytes += message.size();
      } catch (RuntimeException e) { // the others are consumed as well
        failure = e;
      }
    }
    if (failure != null) {
      messages.forEach(SharedMessage::release);
      throw failure;
    }
    return new TopicReplay<>(messages, bytes);
  }

  List<SharedMessage<O>> messages() {
    return messages;
  }

  /** Returns the size of the messages that only this replay holds, in bytes. */
  long ownBytes() {
    return ownBytes;
  }

  TopicReplay<O> retain() {
    references.incrementAndGet();
    return this;
  }

  void release() {
    if (references.decrementAndGet() == 0) {
      messages.forEach(SharedMessage::release);
    }
  }
}
