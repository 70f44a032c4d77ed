package dev.jev;

import io.netty.util.ReferenceCountUtil;
import io.netty.util.ReferenceCounted;
import io.netty.util.concurrent.FastThreadLocal;
import org.jspecify.annotations.Nullable;

/**
 * The owner of the reference to the message that a thread is delivering to a handler: the
 * framework, until the handler sends the message.
 *
 * <p>One instance per thread that delivers messages, used by that thread only.
 */
final class MessageOwnership {

  private static final FastThreadLocal<@Nullable MessageOwnership> CURRENT =
      new FastThreadLocal<>();

  private @Nullable ReferenceCounted message;
  private @Nullable Class<?> uncountedType;
  private @Nullable Class<?> otherUncountedType;

  /** Returns the instance of the current thread, or null if the thread delivers no messages. */
  static @Nullable MessageOwnership current() {
    return CURRENT.get();
  }

  /** Sets the instance of the current thread; null removes it. */
  static void enter(@Nullable MessageOwnership ownership) {
    CURRENT.set(ownership);
  }

  /** Records that a message is sent, which may be the one that this thread is delivering. */
  static void disownCurrent(Object sent) {
    MessageOwnership ownership = CURRENT.get();
    if (ownership != null) {
      ownership.disown(sent);
    }
  }

  /** Records that the framework owns a reference to the message that it is about to deliver. */
  void own(Object delivered) {
    message = isCounted(delivered) ? (ReferenceCounted) delivered : null;
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

  /** Releases the message that was delivered, unless it was sent. */
  void release() {
    if (message != null) {
      ReferenceCountUtil.safeRelease(message);
      message = null;
    }
  }

  /** Records that {@code sent} is sent, so that its reference has a new owner. */
  void disown(Object sent) {
    if (message != null && sent instanceof ReferenceCounted counted && sharesCount(counted)) {
      message = null;
    }
  }

  /**
   * Returns whether the sent message shares the reference count of the delivered one: both are the
   * same object, or one is a view of the other.
   *
   * <p>A view does not expose its origin, so this checks whether the counts change together.
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
