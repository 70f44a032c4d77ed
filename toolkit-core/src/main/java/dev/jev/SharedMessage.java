package dev.jev;

import io.netty.buffer.ByteBuf;
import io.netty.util.ReferenceCountUtil;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A message for many connections, with the packed forms that they share.
 *
 * <p>The message is reference-counted. References are held by its publisher, by each event loop
 * until it has delivered the message, and by items of a {@link SendQueue} that are packed only when
 * they are written. The packed forms have reference counts of their own.
 */
class SharedMessage<O> {

  /** Packs messages with the protocol of one connection. */
  interface Packer<O> {

    /**
     * Returns the packed message. Returns null if the protocol cannot pack it, which is logged, or
     * if packing it closes the connection, so that it {@link #closesConnections}.
     */
    @Nullable ByteBuf packShared(SharedMessage<O> message);

    /** Returns the message packed for this connection; logs and returns null if that fails. */
    @Nullable ByteBuf packAlone(SharedMessage<O> message);

    /** Logs that a message cannot be packed. */
    void logPackFailure(SharedMessage<O> message, Throwable why);
  }

  /** The bytes for an encoding key, or null if the message cannot be packed. */
  private record Packed(Object encodingKey, @Nullable ByteBuf bytes, @Nullable Packed others) {}

  private final O message;
  private final long size;
  private final AtomicInteger references = new AtomicInteger(1);

  private volatile @Nullable Packed packed; // writes guarded by this
  private volatile boolean closesConnections; // false if not known yet

  SharedMessage(O message) {
    this.message = message;
    this.size = Mailbox.countOf(message);
  }

  final O message() {
    return message;
  }

  /** Returns the size that counts towards limits while the message is queued, in bytes. */
  final long size() {
    return size;
  }

  /**
   * Returns the bytes for an encoding key; logs and returns null if the protocol cannot pack the
   * message. The bytes belong to this message, and their indices must not be changed.
   */
  final @Nullable ByteBuf packed(Object encodingKey, Packer<O> packer) {
    try {
      Packed found = find(encodingKey);
      return (found == null ? pack(encodingKey, packer) : found).bytes;
    } catch (Throwable t) { // of an encoding key that cannot be compared, for example
      packer.logPackFailure(this, t);
      return null;
    }
  }

  private @Nullable Packed find(Object encodingKey) {
    Packed candidate = packed;
    while (candidate != null && !candidate.encodingKey.equals(encodingKey)) {
      candidate = candidate.others;
    }
    return candidate;
  }

  /** Packs the message, or waits for another event loop that is packing it. */
  private synchronized Packed pack(Object encodingKey, Packer<O> packer) {
    Packed found = find(encodingKey);
    if (found == null) {
      found = new Packed(encodingKey, packer.packShared(this), packed);
      packed = found;
    }
    return found;
  }

  /** Returns whether packing the message closes each connection, as far as known. */
  final boolean closesConnections() {
    return closesConnections;
  }

  /** Notes that packing the message closes each connection, so that it has no shared bytes. */
  final void setClosesConnections() {
    closesConnections = true;
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
