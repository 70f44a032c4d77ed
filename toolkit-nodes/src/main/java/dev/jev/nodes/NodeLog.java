package dev.jev.nodes;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import org.jspecify.annotations.Nullable;

/** The log of a node, and the guard of its threads. */
final class NodeLog {

  private static final Logger LOG = System.getLogger("dev.jev.nodes");

  private NodeLog() {}

  static void warning(String message, @Nullable Throwable cause) {
    LOG.log(Level.WARNING, message, cause);
  }

  /** Returns a task that logs what it throws. */
  static Runnable guarded(Runnable task) {
    return () -> run(task);
  }

  /** Runs a task, and logs what it throws. */
  static void run(Runnable task) {
    try {
      task.run();
    } catch (Throwable t) { // of a listener or codec, or out of memory; the thread goes on
      warning("task of a node failed", t);
    }
  }
}
