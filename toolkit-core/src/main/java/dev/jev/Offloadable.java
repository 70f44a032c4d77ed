package dev.jev;

/**
 * The operations of {@link OffloadedHandler} on a connection whose handler runs on other threads.
 */
interface Offloadable<O> extends Connection<O> {

  /** Returns the number of queued bytes at which reading pauses, and below which it resumes. */
  int highWatermark();

  int lowWatermark();

  /** Stops unpacking and reading until {@link #resumeAfterOffload}. */
  void pauseForOffload();

  void resumeAfterOffload();

  /**
   * Sets whether messages are queued or being handled. While they are, the connection stays open,
   * even if its peer has shut down its output.
   */
  void offloaded(boolean busy);

  /** Closes the connection if its peer has shut down its output and no message is left. */
  void closeIfPeerClosed();

  /** Closes the connection because the handler or its executor has thrown. */
  void handlerFailed(Throwable cause);

  /** Runs a task on the event loop later, or on the calling thread if the loop has ended. */
  void executeOrRun(Runnable task);
}
