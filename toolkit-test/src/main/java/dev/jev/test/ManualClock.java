package dev.jev.test;

import static java.util.Objects.requireNonNull;

import dev.jev.DeadlineWheel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A clock that stands still until a test advances it, with scheduled tasks.
 *
 * <p><b>Threads.</b> Advanced by one thread, which runs the tasks. They may be scheduled by any.
 */
public final class ManualClock {

  /** Ten years, as in the framework, which is still a long in nanoseconds. */
  static final Duration MAX_DELAY = Duration.ofDays(3650);

  private final List<Task> tasks = new ArrayList<>(); // guarded by this
  private final Map<Duration, DeadlineWheel> wheels = new HashMap<>();
  private volatile long now; // written by the thread that advances it
  private long order; // guarded by this

  /** A scheduled task; tasks that are due at the same time run in the order of scheduling. */
  private record Task(long due, long order, Runnable action) {}

  /** Creates a clock at time zero. */
  public ManualClock() {}

  /** Returns the current time in nanoseconds. */
  public long nanoTime() {
    return now;
  }

  /** Advances the time, and runs each task at the time for which it is scheduled. */
  public void advance(Duration time) {
    if (time.isNegative()) {
      throw new IllegalArgumentException("time: " + time + " (expected: >= PT0S)");
    }
    long end = now + time.toNanos();
    for (Task next = next(end); next != null; next = next(end)) {
      remove(next);
      now = Math.max(now, next.due());
      next.action().run();
    }
    now = Math.max(now, end);
  }

  /** Advances the time without running tasks, as during a task that takes long. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  public void elapse(Duration time) {
    if (time.isNegative()) {
      throw new IllegalArgumentException("time: " + time + " (expected: >= PT0S)");
    }
    now += time.toNanos();
  }

  /** Returns the number of scheduled tasks that have not run yet, timers included. */
  public synchronized int pendingTasks() {
    return tasks.size();
  }

  /** Schedules a task; with a delay of zero it runs in the next call of {@link #advance}. */
  public void schedule(Duration delay, Runnable action) {
    schedule(delay.toNanos(), action);
  }

  /** Schedules a task after a delay in nanoseconds; returns an action that cancels it. */
  synchronized Runnable schedule(long nanos, Runnable action) {
    Task task = new Task(now + nanos, order++, requireNonNull(action, "action"));
    tasks.add(task);
    return () -> remove(task);
  }

  private synchronized void remove(Task task) {
    tasks.remove(task);
  }

  /** Returns the deadline wheel of a maximum delay, which all users of this clock share. */
  DeadlineWheel wheel(Duration maxDelay) {
    return wheels.computeIfAbsent(
        maxDelay,
        any -> new DeadlineWheel(any, () -> now, (task, nanos) -> schedule(nanos, task)::run));
  }

  /**
   * Returns a delay in nanoseconds.
   *
   * @throws IllegalArgumentException if the framework would not accept it, either
   */
  static long nanos(String name, Duration delay) {
    requireNonNull(delay, name);
    if (delay.isNegative() || delay.compareTo(MAX_DELAY) > 0) {
      throw new IllegalArgumentException(
          name + ": " + delay + " (expected: PT0S.." + MAX_DELAY + ")");
    }
    return delay.toNanos();
  }

  private synchronized @Nullable Task next(long end) {
    return tasks.stream()
        .filter(task -> task.due() <= end)
        .min(Comparator.comparingLong(Task::due).thenComparingLong(Task::order))
        .orElse(null);
  }
}
