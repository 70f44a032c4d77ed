package dev.jev;

import java.time.Duration;
import java.util.function.Supplier;

/**
 * Runs tasks later or periodically.
 *
 * <p>The tasks of a connection run on its event loop. Those of a server or client run on one of its
 * event loops, always the same one per scheduled task.
 *
 * <p>Runs of one task never overlap. A task must not block. An exception is logged and ends the
 * scheduled task; an exception from a connection's task also closes that connection with {@link
 * CloseReason.Kind#HANDLER_ERROR}.
 *
 * <p>Scheduled tasks end when their connection is closed, or when their server or client has begun
 * to stop; tasks scheduled after that never run. Time is monotonic: changing the system clock has
 * no effect.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public interface Scheduler {

  /**
   * Runs a task once, after {@code delay}. A delay of zero means as soon as possible, but never
   * inside this call.
   */
  ScheduledTask runAfter(Duration delay, Runnable task);

  /**
   * Runs a task periodically at a fixed rate, for the first time after one {@code period}.
   *
   * <p>Runs are due whole periods after this call, so delays do not add up. Runs that were missed,
   * because the event loop or the machine was busy, are skipped.
   *
   * @throws IllegalArgumentException if {@code period} is not longer than zero
   */
  ScheduledTask runEvery(Duration period, Runnable task);

  /**
   * Runs a task as soon as possible, and again after the delay that each run returns.
   *
   * @param ticker the task; returns the delay until its next run, counted from its return
   */
  ScheduledTask runTicker(Supplier<Duration> ticker);
}
