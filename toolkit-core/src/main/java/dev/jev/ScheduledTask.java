package dev.jev;

/** Something that is going to happen later, see {@link Scheduler}. */
public interface ScheduledTask {

  /**
   * Prevents what has not begun; harmless when there is nothing to prevent. A task that cancels its
   * own timer is not run again.
   *
   * <p>May be called from any thread. Called on the event loop of the timer, nothing is run
   * afterwards.
   */
  void cancel();
}
