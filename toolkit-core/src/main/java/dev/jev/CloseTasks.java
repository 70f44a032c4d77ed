package dev.jev;

import java.util.ArrayDeque;
import java.util.Queue;

/**
 * The tasks that run when a connection has closed: an attribute of the connections that have any.
 *
 * <p>Event loop only.
 */
final class CloseTasks {

  private final Queue<Runnable> waiting = new ArrayDeque<>();

  private CloseTasks() {}

  static void add(Connection<?> connection, Runnable task) {
    CloseTasks tasks = connection.attribute(CloseTasks.class);
    if (tasks == null) {
      tasks = new CloseTasks();
      connection.attribute(CloseTasks.class, tasks);
    }
    tasks.waiting.add(task);
  }

  /** Runs the tasks of a connection, and those that they add. */
  static void runAll(Connection<?> connection, RateLimitedLog errors) {
    CloseTasks tasks = connection.attribute(CloseTasks.class);
    if (tasks != null) {
      for (Runnable task; (task = tasks.waiting.poll()) != null; ) {
        run(connection, task, errors);
      }
    }
  }

  static void run(Connection<?> connection, Runnable task, RateLimitedLog errors) {
    try {
      task.run();
    } catch (Throwable t) {
      String where = "onClose of the connection of " + connection.remoteAddress();
      errors.warning("task failed in " + where, t);
    }
  }
}
