package dev.jev;

import io.netty.util.IllegalReferenceCountException;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.ReferenceCounted;
import io.netty.util.concurrent.FastThreadLocal;
import org.jspecify.annotations.Nullable;

/**
 * The owner of the reference to the message that a thread is delivering to a handler: the
 * framework, until the handler returns.
 *
 * <p>The handler may send that message, or a view of it, to any number of connections. A send that
 * packs at once needs no reference of its own; one that queues the message retains it. All other
 * reference-counted messages are consumed by the send.
 *
 * <p>One instance per thread that delivers messages, used by that thread only.
 */
final class MessageOwnership {

  private static final FastThreadLocal<@Nullable MessageOwnership> CURRENT =
      new FastThreadLocal<>();

  /** A number of references that only {@link #sharesCount} takes. */
  private static final int MANY = 1 << 20;

  /** A number of references that only one thread takes at a time, and few threads make of MANY. */
  private static final int MOST = 1 << 26;

  private @Nullable ReferenceCounted message;
  private @Nullable Class<?> uncountedType;
  private @Nullable Class<?> otherUncountedType;
  private int unpackedBytes; // of the message that is delivered in a turn of an event loop

  /** Sets the instance of the current thread; null removes it. */
  static void enter(@Nullable MessageOwnership ownership) {
    CURRENT.set(ownership);
  }

  /**
   * Runs the delivery of a message outside the turns of an event loop, and then releases the
   * message. The thread may be that of an event loop, or in the middle of another delivery.
   */
  static void deliver(Object delivered, Runnable delivery) {
    MessageOwnership current = CURRENT.get();
    if (current != null) {
      current.deliverInside(delivered, delivery);
      return;
    }
    MessageOwnership ownership = new MessageOwnership();
    CURRENT.set(ownership);
    try {
      ownership.deliverInside(delivered, delivery);
    } finally {
      CURRENT.remove();
    }
  }

  /**
   * Returns a message with a reference that the caller owns: the one that is sent, or one more if
   * the current thread is delivering this message.
   *
   * @throws IllegalReferenceCountException if the message was released
   */
  static <T> T acquire(T sent) {
    return isLent(sent) ? ReferenceCountUtil.retain(sent) : sent;
  }

  /**
   * Returns whether the current thread is delivering a message, so that a send does not consume it.
   *
   * @throws IllegalReferenceCountException if the message was released
   */
  static boolean isLent(Object sent) {
    MessageOwnership ownership = CURRENT.get();
    if (ownership != null) {
      return ownership.lends(sent);
    }
    requireLive(sent);
    return false;
  }

  /**
   * Throws an exception if a message was released, so that no part of it is packed.
   *
   * @throws IllegalReferenceCountException if the message was released
   */
  static void requireLive(Object sent) {
    if (sent instanceof ReferenceCounted counted && counted.refCnt() <= 0) {
      throw new IllegalReferenceCountException(
          "message sent after its release; to send a message after onMessage, retain it first");
    }
  }

  /** Records of how many bytes the message was made that is delivered next. */
  void unpacked(int bytes) {
    unpackedBytes = bytes;
  }

  /**
   * Returns the number of bytes of the message that the current thread is delivering: its size, as
   * far as known, or the number of bytes that it was unpacked from, if that is larger.
   */
  static long deliveredBytes(Object delivered) {
    long size = Mailbox.sizeOf(delivered);
    MessageOwnership ownership = CURRENT.get();
    return ownership == null ? size : Math.max(size, ownership.unpackedBytes);
  }

  /** Records that the framework owns a reference to the message that it is about to deliver. */
  void own(Object delivered) {
    message = isCounted(delivered) ? (ReferenceCounted) delivered : null;
  }

  /**
   * Returns a delivered message with a reference that the caller owns. The reference of the
   * framework is handed over, so that a later send consumes the message like any other.
   */
  @SuppressWarnings("ReferenceEquality") // the same message, not an equal one
  static <T> T take(T delivered) {
    MessageOwnership ownership = CURRENT.get();
    if (ownership == null || ownership.message != delivered) {
      return acquire(delivered);
    }
    ownership.message = null;
    return delivered;
  }

  /** Delivers a message, whose reference it consumes, maybe during the delivery of another one. */
  private void deliverInside(Object delivered, Runnable delivery) {
    ReferenceCounted outer = message;
    own(delivered);
    unpackedBytes = 0; // not known
    try {
      delivery.run();
    } finally {
      release();
      message = outer;
    }
  }

  /**
   * Returns whether a message has a reference count.
   *
   * <p>Called for every message. Most types have no reference count, and a failing {@code
   * instanceof} with an interface is slow, so the last two such types are cached.
   */
  private boolean isCounted(Object candidate) {
    Class<?> type = candidate.getClass();
    if (type == uncountedType || type == otherUncountedType) {
      return false;
    }
    if (candidate instanceof ReferenceCounted) {
      return true;
    }
    otherUncountedType = uncountedType;
    uncountedType = type;
    return false;
  }

  /** Releases a message that was sent. */
  void release(Object sent) {
    if (isCounted(sent)) {
      ReferenceCountUtil.release(sent);
    }
  }

  /** Releases the message that was delivered. */
  void release() {
    if (message != null) {
      ReferenceCountUtil.safeRelease(message);
      message = null;
    }
  }

  /**
   * Returns whether {@code sent} is the message that is being delivered, or a view of it, so that
   * its reference remains the framework's.
   *
   * @throws IllegalReferenceCountException if the message was released
   */
  boolean lends(Object sent) {
    if (!isCounted(sent)) {
      return false;
    }
    requireLive(sent);
    return message != null && sharesCount(message, (ReferenceCounted) sent);
  }

  /**
   * Returns whether a message shares the reference count of another one: both are the same object,
   * or one is a view of the other.
   *
   * <p>A view does not expose its origin, so this checks whether the counts change together.
   * Another thread may be delivering {@code sent} and do the same with it at the same time, so a
   * positive result is checked again in a way that only one thread can.
   */
  private static boolean sharesCount(ReferenceCounted owned, ReferenceCounted sent) {
    if (sent == owned) {
      return true;
    }
    if (!changesWith(owned, sent, MANY)) {
      return false;
    }
    synchronized (MessageOwnership.class) {
      return changesWith(owned, sent, MOST);
    }
  }

  private static boolean changesWith(ReferenceCounted owned, ReferenceCounted sent, int many) {
    owned.retain(many);
    boolean together = sent.refCnt() >= many;
    owned.release(many);
    return together;
  }
}
