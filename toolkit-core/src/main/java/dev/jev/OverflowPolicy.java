package dev.jev;

/**
 * What happens to a message that is sent while {@link Server.Builder#maxPendingBytes} are already
 * waiting for the peer.
 */
public enum OverflowPolicy {
  /**
   * Refuses the message and closes the connection at once with {@link CloseReason.Kind#OVERFLOW}:
   * the peer never sees a gap. The default.
   */
  CLOSE,
  /** Refuses the message; the connection stays open and the peer does not get this one. */
  DROP_NEWEST,
  /**
   * Takes the message and drops as many of the oldest that have not begun to be written as are in
   * its way. For protocols whose packed messages do not depend on each other.
   */
  DROP_OLDEST
}
