package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufHolder;
import io.netty.util.IllegalReferenceCountException;
import io.netty.util.ReferenceCountUtil;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A message with its packed forms, which may be published and delivered any number of times.
 *
 * <p>A {@link Topic} makes one of each message that is published. A program needs this type only
 * for a message that it publishes to several topics, or that it keeps for connections that join
 * later: the message is then packed once for all of them.
 *
 * <p><b>Ownership.</b> It is reference-counted, whether its message is or not, since the packed
 * forms are buffers. {@link #of} returns it with one reference, which belongs to the caller. Topics
 * retain references of their own, and release them. The last {@link #release} releases the message
 * and its packed forms. It does not implement {@link io.netty.util.ReferenceCounted}, since no
 * handler or pipeline gets one.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 *
 * @param <O> the type of the message
 */
public final class SharedMessage<O> {

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
  private record Packed(
      Object encodingKey, @Nullable ByteBuf bytes, @Nullable Packed others, int count) {}

  /**
   * Maximum number of packed forms. A message that is retained for connections that join later
   * would otherwise have one form per connection if they all have different encoding keys.
   */
  private static final int MAX_FORMS = 32;

  @SuppressWarnings("rawtypes")
  private static final AtomicIntegerFieldUpdater<SharedMessage> REFERENCES =
      AtomicIntegerFieldUpdater.newUpdater(SharedMessage.class, "references");

  /** Size of a buffer that is never too large for a message in it. */
  private static final int SMALL_BUFFER_BYTES = 1024;

  /** Maximum size of any other buffer, as a multiple of the length of a message in it. */
  private static final int MAX_BUFFER_MULTIPLE = 4;

  private final O message;
  private final long size;

  private volatile int references = 1;
  private volatile @Nullable Packed packed; // writes guarded by this
  private volatile boolean closesConnections; // false if not known yet
  private @Nullable Object topic; // the latest, for the log; a race is harmless

  SharedMessage(O message) {
    this.message = message;
    this.size = Mailbox.countOf(message);
  }

  /**
   * Returns a message that may be published, with one reference, which belongs to the caller.
   *
   * <p><b>Ownership.</b> As in {@link Connection#send}: {@code message} is consumed, unless it is
   * the one that {@link Handler#onMessage} is handling. A {@code ByteBuf}, {@code ByteBufHolder} or
   * {@link Copyable} that is a small part of a larger buffer is copied, since it would keep all of
   * that buffer.
   *
   * @throws IllegalReferenceCountException if {@code message} was released already
   * @throws IllegalArgumentException if {@code message} is {@link Unpublishable}
   */
  public static <O> SharedMessage<O> of(O message) {
    O owned = MessageOwnership.acquire(requireNonNull(message, "message"));
    if (owned instanceof Unpublishable) {
      ReferenceCountUtil.safeRelease(owned);
      throw new IllegalArgumentException(
          "message: "
              + owned.getClass().getName()
              + " (expected: one that may go to many connections; send this one to each)");
    }
    return new SharedMessage<>(compact(owned));
  }

  /**
   * Returns a message without a buffer that is much larger than its content, such as the one that
   * an event loop has read it into. The message may be queued or retained for long, and counts as
   * its length. Consumes {@code owned}.
   */
  private static <O> O compact(O owned) {
    if (owned instanceof ByteBuf buffer) {
      return isSmallPart(buffer) ? copy(owned, buffer::copy) : owned;
    } else if (owned instanceof Copyable message) {
      return isSmallPart(message.content()) ? copy(owned, message::copy) : owned;
    } else if (owned instanceof ByteBufHolder holder) {
      return isSmallPart(holder.content()) ? copy(owned, holder::copy) : owned;
    }
    return owned;
  }

  private static boolean isSmallPart(ByteBuf content) {
    ByteBuf root = content;
    for (ByteBuf larger; (larger = root.unwrap()) != null; ) {
      root = larger;
    }
    long enough = (long) MAX_BUFFER_MULTIPLE * content.readableBytes();
    return root.capacity() > Math.max(enough, SMALL_BUFFER_BYTES);
  }

  /** Replaces a message by its copy, unless a holder's copy has lost the type of the holder. */
  @SuppressWarnings("unchecked")
  private static <O> O copy(O owned, Supplier<?> copying) {
    Object copy;
    try {
      copy = copying.get();
    } catch (RuntimeException e) { // a holder that cannot be copied
      return owned;
    } catch (Throwable t) { // out of memory
      ReferenceCountUtil.safeRelease(owned);
      throw t;
    }
    boolean same = owned instanceof ByteBuf || copy.getClass() == owned.getClass();
    ReferenceCountUtil.safeRelease(same ? owned : copy);
    return same ? (O) copy : owned;
  }

  /** Returns the message. Its reference remains this object's. */
  public O message() {
    return message;
  }

  /**
   * Returns the size that counts towards limits, in bytes: the length of the message, if known, see
   * {@link Sized}, plus 96 bytes.
   */
  public long size() {
    return size;
  }

  /**
   * Adds a reference.
   *
   * @return this message
   * @throws IllegalReferenceCountException if the message was released
   */
  public SharedMessage<O> retain() {
    for (; ; ) {
      int before = references;
      if (before <= 0) {
        throw new IllegalReferenceCountException("shared message retained after its release");
      }
      if (REFERENCES.compareAndSet(this, before, before + 1)) {
        return this;
      }
    }
  }

  /**
   * Releases a reference. The last one releases the message and its packed forms.
   *
   * @throws IllegalReferenceCountException if all references were released before
   */
  public void release() {
    for (; ; ) {
      int before = references;
      if (before <= 0) {
        throw new IllegalReferenceCountException("shared message released too often");
      }
      if (REFERENCES.compareAndSet(this, before, before - 1)) {
        if (before == 1) {
          deallocate();
        }
        return;
      }
    }
  }

  private void deallocate() {
    for (Packed each = packed; each != null; each = each.others) {
      ReferenceCountUtil.safeRelease(each.bytes);
    }
    ReferenceCountUtil.safeRelease(message);
  }

  // For topics and connections.

  /** Records the topic that the message is published to. */
  void topic(Object topic) {
    this.topic = topic;
  }

  /**
   * Returns the bytes for an encoding key; logs and returns null if the protocol cannot pack the
   * message. The bytes belong to this message, and their indices must not be changed.
   */
  @Nullable ByteBuf packed(Object encodingKey, Packer<O> packer) {
    try {
      Packed found = find(encodingKey);
      return (found == null ? pack(encodingKey, packer) : found).bytes;
    } catch (Throwable t) { // of an encoding key that cannot be compared, for example
      packer.logPackFailure(this, t);
      return null;
    }
  }

  /** Returns whether there are, or may be, bytes for an encoding key. */
  boolean isShared(Object encodingKey) {
    if (closesConnections) {
      return false;
    }
    Packed latest = packed;
    try {
      return latest == null || latest.count < MAX_FORMS || find(encodingKey) != null;
    } catch (Throwable t) {
      return true; // packed logs it
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
      int count = packed == null ? 1 : packed.count + 1;
      found = new Packed(encodingKey, packer.packShared(this), packed, count);
      packed = found;
    }
    return found;
  }

  /** Returns whether packing the message closes each connection, as far as known. */
  boolean closesConnections() {
    return closesConnections;
  }

  /** Notes that packing the message closes each connection, so that it has no shared bytes. */
  void setClosesConnections() {
    closesConnections = true;
  }

  /** Returns a description for the log. */
  @Override
  public String toString() {
    return topic == null ? "a shared message" : "a message of " + topic;
  }
}
