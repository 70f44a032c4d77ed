package dev.jev.redis;

import java.lang.System.Logger.Level;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The thread of an open node: it runs tasks in the order in which they were added.
 *
 * <p>The tasks that wait are run together, in a turn, behind which the commands that they have
 * added are written: one write for many commands under load, without delay otherwise.
 */
final class RedisLoop implements AutoCloseable {

  private static final System.Logger LOG = System.getLogger(RedisLoop.class.getName());
  private static final int TASKS_PER_TURN = 256;

  private final ScheduledThreadPoolExecutor executor;
  private final Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean turnDue = new AtomicBoolean();
  private final Runnable afterTurn;

  /**
   * Creates a loop.
   *
   * @param afterTurn runs behind the tasks of each turn
   */
  RedisLoop(String name, Runnable afterTurn) {
    this.afterTurn = afterTurn;
    this.executor =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread thread = new Thread(task, name);
              thread.setDaemon(true);
              return thread;
            });
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
  }

  /** Runs a task. Tasks that are added after the end run on the calling thread. */
  void execute(Runnable task) {
    tasks.add(task);
    if (turnDue.compareAndSet(false, true) && !isTaken(this::turn)) {
      turn();
    }
  }

  private boolean isTaken(Runnable turn) {
    try { // an executor that ends just now cancels the task instead of rejecting it
      return !executor.submit(turn).isCancelled();
    } catch (RejectedExecutionException e) {
      return false;
    }
  }

  /** Runs a task after some time, unless the loop has ended by then. */
  void runAfter(long nanos, Runnable task) {
    try {
      executor.schedule(() -> execute(task), nanos, TimeUnit.NANOSECONDS);
    } catch (RejectedExecutionException e) {
      LOG.log(Level.DEBUG, "loop has ended", e);
    }
  }

  private synchronized void turn() {
    turnDue.set(false);
    int count = 0;
    for (Runnable task; (task = tasks.poll()) != null; ) {
      run(task);
      if (++count % TASKS_PER_TURN == 0) {
        run(afterTurn);
      }
    }
    run(afterTurn);
  }

  private static void run(Runnable task) {
    try {
      task.run();
    } catch (Throwable t) { // the loop goes on
      LOG.log(Level.ERROR, "task of a Redis engine failed", t);
    }
  }

  /** Ends the loop behind the tasks that were added before. */
  @Override
  public void close() {
    executor.shutdown();
  }
}
