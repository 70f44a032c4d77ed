package dev.jev;

/**
 * The operations on a connection whose messages are handled on other threads, or answered later.
 */
interface Offloadable {

  /** Returns whether a connection has these operations; the connection of a datagram has not. */
  static boolean isOffloadable(Connection<?> connection) {
    return connection instanceof Offloadable || connection instanceof SimulatedConnection;
  }

  /** Returns the operations of a connection. */
  static Offloadable of(Connection<?> connection) {
    if (connection instanceof Offloadable offloadable) {
      return offloadable;
    }
    if (connection instanceof SimulatedConnection<?> simulated) {
      return simulated.offloadable();
    }
    throw new IllegalArgumentException(
        "connection: "
            + connection.getClass().getSimpleName()
            + " (expected: one of a server or client, or a SimulatedConnection)");
  }

  /** Returns the number of queued bytes at which reading pauses, and below which it resumes. */
  int highWatermark();

  int lowWatermark();

  /**
   * Returns whether the current thread is the one that calls the handler if it is not offloaded.
   */
  boolean inEventLoop();

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
