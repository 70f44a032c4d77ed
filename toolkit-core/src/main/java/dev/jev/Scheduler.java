package dev.jev;

import java.time.Duration;
import java.util.function.Supplier;

/**
 * Runs tasks later: those of a connection on its event loop, those of a server or client on one of
 * its event loops, always the same one for one timer.
 *
 * <p>A task never overlaps itself. It must not block. What it throws is logged, ends the timer and,
 * if it is one of a connection's, closes that with {@link CloseReason.Kind#HANDLER_ERROR}.
 *
 * <p>Timers end when their connection is closed, or when their server or client has begun to stop;
 * those that come later never run. Time is monotonic: setting the clock of the machine changes
 * nothing.
 *
 * <p><b>Threads.</b> May be called from any thread.
 */
public interface Scheduler {

  /** Runs a task once, after {@code delay}; zero is as soon as possible, but never at once. */
  ScheduledTask runAfter(Duration delay, Runnable task);

  /**
   * Runs a task again and again, for the first time after one {@code period}.
   *
   * <p>The times are whole periods after the call, so that delays do not add up. Times that were
   * missed, because the event loop or the machine was busy, are left out.
   *
   * @throws IllegalArgumentException if {@code period} is not longer than zero
   */
  ScheduledTask runEvery(Duration period, Runnable task);

  /**
   * Runs a task as soon as possible, and again after the time that it returns each time.
   *
   * @param ticker returns how long to wait until the next time, counted from its return
   */
  ScheduledTask runTicker(Supplier<Duration> ticker);
}
