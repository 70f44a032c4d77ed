package dev.jev;

import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;

/**
 * A {@link Server} or {@link Client}, as its plugins see it.
 *
 * <p>Tasks run on one of its event loops, always the same one for one task.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public interface PluginHost extends Scheduler {

  /** Returns the addresses that a server listens on, in the order they were given; else none. */
  List<SocketAddress> addresses();

  /** Returns the number of open connections; those that are closing count, detached ones do not. */
  int connectionCount();

  /**
   * Leaves new connections in the kernel's queues until {@link #resumeAccepting}. A client accepts
   * none: no effect.
   *
   * @param owner the owner of this pause; accepting goes on when no owner pauses it any more
   */
  void pauseAccepting(Object owner);

  /** Ends the pause of {@code owner}, if there is one. */
  void resumeAccepting(Object owner);

  /**
   * Opens no further connection: a server {@linkplain Server#stopAccepting closes its listeners}, a
   * client makes no further attempt to connect. Open connections stay open.
   */
  void stopAccepting();

  /**
   * Begins to stop and returns at once: closes every connection after its output, and what is still
   * open after {@code grace} at once. A second call can shorten the grace.
   */
  void stop(Duration grace);

  /**
   * Waits until the server or client has stopped.
   *
   * @throws IllegalStateException if it stopped because an event loop died, or if called on an
   *     event loop or by the thread that stops it
   * @throws InterruptedException if the calling thread is interrupted
   */
  void awaitStop() throws InterruptedException;
}
