package dev.jev;

/** A connection whose handler runs on other threads, as {@link OffloadedHandler} sees it. */
interface Offloadable<O> extends Connection<O> {

  /** Returns the number of queued bytes at which reading pauses, and below which it resumes. */
  int highWatermark();

  int lowWatermark();

  /** Stops unpacking and reading until {@link #resumeAfterOffload}. */
  void pauseForOffload();

  void resumeAfterOffload();

  /**
   * Sets whether messages are queued or being handled. Meanwhile the connection stays open, even if
   * its peer has ended its output.
   */
  void offloaded(boolean busy);

  /** Closes the connection if its peer has ended its output and no message is left. */
  void closeIfPeerClosed();

  /** Closes because the handler, or its executor, has thrown. */
  void handlerFailed(Throwable cause);

  /** Returns whether the event loop has ended, so that it runs no task any more. */
  boolean hasLoopEnded();
}
