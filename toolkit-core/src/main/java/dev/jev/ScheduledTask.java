package dev.jev;

/** A task that runs later, see {@link Scheduler}. */
public interface ScheduledTask {

  /**
   * Cancels all runs that have not begun. Has no effect if there are none. A task that cancels
   * itself does not run again.
   *
   * <p>May be called from any thread. If called on the task's event loop, no run begins after this
   * call.
   */
  void cancel();
}
