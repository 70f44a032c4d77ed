package dev.jev;

import io.netty.buffer.ByteBuf;
import io.netty.util.ReferenceCountUtil;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A published message, with its packed forms, which all subscribers share.
 *
 * <p>Whoever holds it keeps the message: the publisher, each event loop until it has delivered it,
 * and entries of a {@link SendQueue} that are packed only when they are written. The packed forms
 * have reference counts of their own besides.
 */
final class TopicMessage<O> {

  /** The bytes for a representation, or null if it cannot be packed. */
  private record Packed(Object representation, @Nullable ByteBuf bytes, @Nullable Packed others) {}

  private final Topic<O> topic;
  private final O message;
  private final long size;
  private final AtomicInteger holders = new AtomicInteger(1);

  private volatile @Nullable Packed packed; // set with this as guard

  TopicMessage(Topic<O> topic, O message) {
    this.topic = topic;
    this.message = message;
    this.size = Mailbox.sizeOf(message) + Mailbox.MESSAGE_OVERHEAD;
  }

  Topic<O> topic() {
    return topic;
  }

  O message() {
    return message;
  }

  /** What it counts for while it waits. */
  long size() {
    return size;
  }

  /**
   * The bytes for a representation, which belong to this and whose indices are to be left alone; or
   * null if it cannot be packed, which is logged.
   */
  @Nullable ByteBuf packed(Object representation, ProtocolDriver<?, O> driver) {
    Packed found = find(representation);
    return (found == null ? pack(representation, driver) : found).bytes;
  }

  private @Nullable Packed find(Object representation) {
    Packed candidate = packed;
    while (candidate != null && !candidate.representation.equals(representation)) {
      candidate = candidate.others;
    }
    return candidate;
  }

  /** Packs it unless another event loop just has; who needs the same bytes meanwhile waits. */
  private synchronized Packed pack(Object representation, ProtocolDriver<?, O> driver) {
    Packed found = find(representation);
    if (found == null) {
      found = new Packed(representation, driver.packPublished(this), packed);
      packed = found;
    }
    return found;
  }

  TopicMessage<O> retain() {
    holders.incrementAndGet();
    return this;
  }

  void release() {
    if (holders.decrementAndGet() > 0) {
      return;
    }
    for (Packed each = packed; each != null; each = each.others) {
      ReferenceCountUtil.safeRelease(each.bytes);
    }
    ReferenceCountUtil.safeRelease(message);
  }
}
