package dev.jev;

import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;

/**
 * A {@link Server} or {@link Client}, as its plugins see it.
 *
 * <p>Scheduled tasks run on one of its event loops, always the same one per task.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public interface PluginHost extends Scheduler {

  /** Returns the name, see {@link Server.Builder#name}. */
  String name();

  /**
   * Returns the addresses that a server listens on, in the order in which they were configured;
   * empty for a client.
   */
  List<SocketAddress> addresses();

  /**
   * Returns the {@link #addresses} as they were passed to {@link Server.Builder#listen}; for a
   * client, the addresses that were passed to {@link Client.Builder#connect}.
   */
  List<String> configuredAddresses();

  /** Returns the number of tasks that wait in the queues of the event loops. */
  int pendingTasks();

  /** Returns the number of open connections, including closing ones, but not detached ones. */
  int connectionCount();

  /** Returns the view of the open connections, to list, find and close them. */
  Connections connections();

  /**
   * Leaves new connections in the kernel's backlog until {@link #resumeAccepting}. Has no effect on
   * a client.
   *
   * @param owner the owner of this pause; accepting resumes when all owners have ended their pauses
   */
  void pauseAccepting(Object owner);

  /** Ends the pause of {@code owner}. Has no effect if there is none. */
  void resumeAccepting(Object owner);

  /** Returns whether accepting is paused by any owner; false for a client. */
  boolean isAcceptingPaused();

  /**
   * Stops opening connections. A server {@linkplain Server#stopAccepting closes its listeners}, a
   * client makes no further attempt to connect. Open connections stay open.
   */
  void stopAccepting();

  /**
   * Begins a graceful shutdown and returns at once. Every connection is closed after its output has
   * been written; connections that are still open after {@code grace} are closed at once. A second
   * call can shorten the grace period.
   */
  void stop(Duration grace);

  /**
   * Waits until the server or client has stopped.
   *
   * @throws IllegalStateException if it stopped because an event loop died, or if this method is
   *     called on an event loop or on the thread that stops the server or client
   * @throws InterruptedException if the calling thread is interrupted
   */
  void awaitStop() throws InterruptedException;
}
