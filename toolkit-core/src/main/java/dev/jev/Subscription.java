package dev.jev;

/**
 * That a connection gets what is published to a {@link Topic}; ends by itself when the connection
 * closes.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public interface Subscription {

  /**
   * Ends it; what was published before, and waits for the peer, is still sent. Without effect if it
   * has ended already.
   */
  void cancel();

  /** Whether the connection is subscribed, by this subscription. */
  boolean isActive();

  /** How many bytes wait because the peer is slow; each message counts 96 more than it has. */
  long pendingBytes();

  /** How many messages were dropped: by the {@link SlowConsumer}, or as the connection closed. */
  long dropped();

  /**
   * How many messages that waited were replaced by newer ones, see {@link SlowConsumer#conflate}.
   */
  long conflated();
}
