package dev.jev;

/**
 * A connection's subscription to a {@link Topic}. Ends when the connection closes.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public interface Subscription {

  /**
   * Ends the subscription. Messages that were published before, and are queued for the peer, are
   * still sent. Has no effect if the subscription has already ended.
   */
  void cancel();

  /** Returns whether the connection is subscribed through this subscription. */
  boolean isActive();

  /**
   * Returns the number of bytes queued because the peer is slow. Each message counts as its length
   * plus 96 bytes.
   */
  long pendingBytes();

  /**
   * Returns the number of messages that were dropped, by the {@link SlowConsumer} or because the
   * connection closed.
   */
  long dropped();

  /**
   * Returns the number of queued messages that were replaced by newer ones, see {@link
   * SlowConsumer#conflate}.
   */
  long conflated();
}
