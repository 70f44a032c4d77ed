package dev.jev;

import io.netty.buffer.ByteBuf;
import io.netty.util.ReferenceCountUtil;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A message for many connections, with its packed forms, which they share.
 *
 * <p>Each holder keeps the message: its publisher, each event loop until it has delivered it, and
 * the items of a {@link SendQueue} that are packed only when they are written. The packed forms
 * have reference counts of their own besides.
 */
class SharedMessage<O> {

  /** Packs messages in the way of one connection's protocol. */
  interface Packer<O> {

    /** Returns the packed message, or null, which is logged, if the protocol cannot pack it. */
    @Nullable ByteBuf packShared(SharedMessage<O> message);
  }

  /** The bytes for an encoding key, or null if the message cannot be packed. */
  private record Packed(Object encodingKey, @Nullable ByteBuf bytes, @Nullable Packed others) {}

  private final O message;
  private final long size;
  private final AtomicInteger references = new AtomicInteger(1);

  private volatile @Nullable Packed packed; // set with this as guard

  SharedMessage(O message) {
    this.message = message;
    this.size = Mailbox.sizeOf(message) + Mailbox.MESSAGE_OVERHEAD;
  }

  final O message() {
    return message;
  }

  /** Returns the size that counts while the message waits, in bytes. */
  final long size() {
    return size;
  }

  /**
   * Returns the bytes for an encoding key, or null, which is logged, if the protocol cannot pack
   * the message. They belong to this message; their indices must not be changed.
   */
  final @Nullable ByteBuf packed(Object encodingKey, Packer<O> packer) {
    Packed found = find(encodingKey);
    return (found == null ? pack(encodingKey, packer) : found).bytes;
  }

  private @Nullable Packed find(Object encodingKey) {
    Packed candidate = packed;
    while (candidate != null && !candidate.encodingKey.equals(encodingKey)) {
      candidate = candidate.others;
    }
    return candidate;
  }

  /** Packs the message unless another event loop just has; a loop that needs the bytes waits. */
  private synchronized Packed pack(Object encodingKey, Packer<O> packer) {
    Packed found = find(encodingKey);
    if (found == null) {
      found = new Packed(encodingKey, packer.packShared(this), packed);
      packed = found;
    }
    return found;
  }

  final SharedMessage<O> retain() {
    references.incrementAndGet();
    return this;
  }

  final void release() {
    if (references.decrementAndGet() > 0) {
      return;
    }
    for (Packed each = packed; each != null; each = each.others) {
      ReferenceCountUtil.safeRelease(each.bytes);
    }
    ReferenceCountUtil.safeRelease(message);
  }
}
