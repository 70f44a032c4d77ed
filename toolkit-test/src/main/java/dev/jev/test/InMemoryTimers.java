package dev.jev.test;

import static java.util.Objects.requireNonNull;

import dev.jev.ScheduledTask;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** The timers of an {@link InMemoryConnection}. Any thread. */
final class InMemoryTimers {

  private final ManualClock clock;
  private final Consumer<Runnable> executor;
  private final Predicate<Runnable> caller;
  private final Set<Timer> timers = ConcurrentHashMap.newKeySet();
  private volatile boolean ended;

  /**
   * Creates the timers of a connection.
   *
   * @param executor runs a task of this class as one of the connection
   * @param caller calls the user's code; returns false if it has thrown an exception
   */
  InMemoryTimers(ManualClock clock, Consumer<Runnable> executor, Predicate<Runnable> caller) {
    this.clock = clock;
    this.executor = executor;
    this.caller = caller;
  }

  ScheduledTask runAfter(Duration delay, Runnable task) {
    long nanos = ManualClock.nanos("delay", delay);
    return start(new Timer(requireNonNull(task, "task"), () -> -1), nanos);
  }

  ScheduledTask runEvery(Duration period, Runnable task) {
    if (period.isNegative() || period.isZero() || period.compareTo(ManualClock.MAX_DELAY) > 0) {
      throw new IllegalArgumentException(
          "period: " + period + " (expected: > PT0S and <= " + ManualClock.MAX_DELAY + ")");
    }
    long nanos = period.toNanos();
    long begin = clock.nanoTime();
    return start(
        new Timer(requireNonNull(task, "task"), () -> nanos - (clock.nanoTime() - begin) % nanos),
        nanos);
  }

  ScheduledTask runTicker(Supplier<Duration> ticker) {
    requireNonNull(ticker, "ticker");
    long[] pause = new long[1];
    Runnable task = () -> pause[0] = ManualClock.nanos("ticker", ticker.get());
    return start(new Timer(task, () -> pause[0]), 0);
  }

  /** Cancels all timers; none is started any more. */
  void end() {
    ended = true;
    timers.forEach(Timer::cancel);
  }

  private ScheduledTask start(Timer timer, long nanos) {
    if (!ended) {
      timers.add(timer);
      timer.schedule(nanos);
    }
    return timer;
  }

  /** A scheduled task that may run again. */
  private final class Timer implements ScheduledTask {

    private final Runnable task;
    private final LongSupplier pause; // in nanoseconds; negative if it does not run again
    private volatile boolean cancelled;
    private volatile Runnable undo = () -> {};

    Timer(Runnable task, LongSupplier pause) {
      this.task = task;
      this.pause = pause;
    }

    void schedule(long nanos) {
      undo = clock.schedule(nanos, () -> executor.accept(this::runOnce));
    }

    private void runOnce() {
      if (cancelled) {
        return;
      }
      if (!caller.test(task) || cancelled) {
        cancel();
        return;
      }
      long next = pause.getAsLong();
      if (next < 0) {
        cancel();
      } else {
        schedule(next);
      }
    }

    @Override
    public void cancel() {
      cancelled = true;
      timers.remove(this);
      undo.run();
    }
  }
}
