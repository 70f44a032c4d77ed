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
 * A time that stands still until a test advances it, and what is to happen at some point of it.
 *
 * <p>Not for use by several threads.
 */
public final class ManualClock {

  /** Ten years, as in the framework, which is still a long in nanoseconds. */
  static final Duration MAX_DELAY = Duration.ofDays(3650);

  private final List<Task> tasks = new ArrayList<>();
  private final Map<Duration, DeadlineWheel> wheels = new HashMap<>();
  private long now;
  private long order;

  /** Something that is due at a time; of several at the same time the first made is run first. */
  private record Task(long due, long order, Runnable action) {}

  /** A clock at time zero. */
  public ManualClock() {}

  /** How many nanoseconds have passed. */
  public long nanoTime() {
    return now;
  }

  /** Lets time pass, and does meanwhile what becomes due, each at its own time and in order. */
  public void advance(Duration time) {
    if (time.isNegative()) {
      throw new IllegalArgumentException("time: " + time + " (expected: >= PT0S)");
    }
    long end = now + time.toNanos();
    for (Task next = next(end); next != null; next = next(end)) {
      tasks.remove(next);
      now = Math.max(now, next.due());
      next.action().run();
    }
    now = Math.max(now, end);
  }

  /**
   * Lets time pass while a task runs, as it does when that is slow: nothing else is done meanwhile.
   */
  public void elapse(Duration time) {
    if (time.isNegative()) {
      throw new IllegalArgumentException("time: " + time + " (expected: >= PT0S)");
    }
    now += time.toNanos();
  }

  /** Returns the number of scheduled tasks that have not run yet, timers included. */
  public int pendingTasks() {
    return tasks.size();
  }

  /** Does something after a time, which {@link #advance} has to reach; zero is the next one. */
  public void schedule(Duration delay, Runnable action) {
    schedule(delay.toNanos(), action);
  }

  /** The same in nanoseconds; returns what undoes it. */
  Runnable schedule(long nanos, Runnable action) {
    Task task = new Task(now + nanos, order++, requireNonNull(action, "action"));
    tasks.add(task);
    return () -> tasks.remove(task);
  }

  /** Returns the wheel of a delay: one for all users of this clock, as on an event loop. */
  DeadlineWheel wheel(Duration maxDelay) {
    return wheels.computeIfAbsent(
        maxDelay,
        any -> new DeadlineWheel(any, () -> now, (task, nanos) -> schedule(nanos, task)::run));
  }

  /** Returns a delay in nanoseconds, if it is one that the framework accepts. */
  static long nanos(String name, Duration delay) {
    requireNonNull(delay, name);
    if (delay.isNegative() || delay.compareTo(MAX_DELAY) > 0) {
      throw new IllegalArgumentException(
          name + ": " + delay + " (expected: PT0S.." + MAX_DELAY + ")");
    }
    return delay.toNanos();
  }

  private @Nullable Task next(long end) {
    return tasks.stream()
        .filter(task -> task.due() <= end)
        .min(Comparator.comparingLong(Task::due).thenComparingLong(Task::order))
        .orElse(null);
  }
}
