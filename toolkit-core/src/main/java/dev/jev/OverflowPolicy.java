package dev.jev;

/**
 * The policy for a message that is sent while {@link Server.Builder#maxPendingBytes} are already
 * waiting to be written to the peer.
 */
public enum OverflowPolicy {
  /**
   * Refuses the message and closes the connection at once with {@link CloseReason.Kind#OVERFLOW},
   * so that the peer never sees a gap. The default.
   */
  CLOSE,
  /** Refuses the message. The connection stays open, and the peer does not get this message. */
  DROP_NEWEST,
  /**
   * Takes the message and makes room by dropping the oldest messages whose writing has not begun.
   * For protocols whose packed messages do not depend on each other.
   */
  DROP_OLDEST
}
