package dev.jev;

import io.netty.util.ReferenceCountUtil;
import io.netty.util.ReferenceCounted;
import io.netty.util.concurrent.FastThreadLocal;
import org.jspecify.annotations.Nullable;

/**
 * The reference to the message that a thread is delivering to a handler: the framework's, until the
 * handler sends the message.
 *
 * <p>One for each thread that delivers messages, and used by it only.
 */
final class MessageOwnership {

  private static final FastThreadLocal<@Nullable MessageOwnership> CURRENT =
      new FastThreadLocal<>();

  private @Nullable ReferenceCounted message;
  private @Nullable Class<?> uncountedType;
  private @Nullable Class<?> otherUncountedType;

  /** That of the current thread, or null if it delivers no messages. */
  static @Nullable MessageOwnership current() {
    return CURRENT.get();
  }

  /** Makes this the current thread's, or none if null. */
  static void enter(@Nullable MessageOwnership ownership) {
    CURRENT.set(ownership);
  }

  /** Notes that a message is sent which the current thread may be delivering. */
  static void disownCurrent(Object sent) {
    MessageOwnership ownership = CURRENT.get();
    if (ownership != null) {
      ownership.disown(sent);
    }
  }

  /** Notes that the framework owns a reference to the message that it is about to deliver. */
  void own(Object delivered) {
    message = isCounted(delivered) ? (ReferenceCounted) delivered : null;
  }

  /**
   * Whether a message has a reference count.
   *
   * <p>Called for every message. Most types have none, and to find that out of an interface is
   * slow: so the last such types are remembered.
   */
  private boolean isCounted(Object any) {
    Class<?> type = any.getClass();
    if (type == uncountedType || type == otherUncountedType) {
      return false;
    }
    if (any instanceof ReferenceCounted) {
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

  /** Releases the message that was delivered, unless it was sent. */
  void release() {
    if (message != null) {
      ReferenceCountUtil.safeRelease(message);
      message = null;
    }
  }

  /** Notes that {@code sent} is sent, so that its reference has a new owner. */
  void disown(Object sent) {
    if (message != null && sent instanceof ReferenceCounted counted && sharesCount(counted)) {
      message = null;
    }
  }

  /**
   * Whether both have the same reference count: they are the same, or one is a view of the other.
   *
   * <p>A view does not tell whose it is, so this looks whether the counts move together.
   */
  private boolean sharesCount(ReferenceCounted sent) {
    ReferenceCounted owned = message;
    if (owned == null || sent == owned) {
      return owned != null;
    }
    if (sent.refCnt() != owned.refCnt()) {
      return false;
    }
    owned.retain();
    boolean shared = sent.refCnt() == owned.refCnt();
    owned.release();
    return shared;
  }
}
