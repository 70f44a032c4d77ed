package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The timers of a connection, server or client, which end together. Any thread. */
final class LoopTimers {

  private final Set<LoopTimer> active = ConcurrentHashMap.newKeySet();
  private volatile boolean ended;

  /**
   * Runs a task once.
   *
   * @param runner a function that runs a task and returns whether it succeeded
   */
  ScheduledTask runAfter(Loop loop, Duration delay, Runnable task, Predicate<Runnable> runner) {
    long nanos = Checks.notNegative("delay", delay).toNanos();
    requireNonNull(task, "task");
    return start(new LoopTimer(loop, runner, task), nanos);
  }

  ScheduledTask runEvery(Loop loop, Duration period, Runnable task, Predicate<Runnable> runner) {
    long nanos = Checks.positive("period", period).toNanos();
    requireNonNull(task, "task");
    return start(new Periodic(loop, runner, task, nanos), nanos);
  }

  ScheduledTask runTicker(Loop loop, Supplier<Duration> ticker, Predicate<Runnable> runner) {
    requireNonNull(ticker, "ticker");
    return start(new Ticker(loop, runner, ticker), 0);
  }

  /** Cancels all timers, including those started later. */
  void end() {
    ended = true;
    active.forEach(LoopTimer::cancel);
  }

  private ScheduledTask start(LoopTimer timer, long nanos) {
    active.add(timer);
    timer.schedule(nanos);
    if (ended) {
      timer.cancel();
    }
    return timer;
  }

  /** A task that runs once. */
  private class LoopTimer implements ScheduledTask, Runnable {

    final Loop loop;
    private final Predicate<Runnable> runner;
    private final Runnable task;
    private volatile boolean cancelled;
    private volatile @Nullable Future<?> scheduled;

    LoopTimer(Loop loop, Predicate<Runnable> runner, Runnable task) {
      this.loop = loop;
      this.runner = runner;
      this.task = task;
    }

    final void schedule(long nanos) {
      try {
        scheduled = loop.executor().schedule(this, nanos, TimeUnit.NANOSECONDS);
      } catch (RejectedExecutionException e) { // the event loop has ended
        cancel();
      }
    }

    @Override
    public final void run() {
      if (ended || cancelled || !runner.test(task) || cancelled) {
        cancel();
        return;
      }
      long next = nextNanos();
      if (next < 0) {
        active.remove(this);
        return;
      }
      schedule(next);
      if (cancelled) {
        cancel();
      }
    }

    /** Returns the delay of the next run in nanoseconds, or a negative number for none. */
    long nextNanos() {
      return -1;
    }

    @Override
    public final void cancel() {
      cancelled = true;
      active.remove(this);
      Future<?> pending = scheduled;
      if (pending != null) {
        pending.cancel(false);
      }
    }
  }

  /** A task that runs at multiples of a period. */
  private final class Periodic extends LoopTimer {

    private final long period;
    private long due;

    Periodic(Loop loop, Predicate<Runnable> runner, Runnable task, long period) {
      super(loop, runner, task);
      this.period = period;
      this.due = loop.nanoTime() + period;
    }

    @Override
    long nextNanos() {
      long now = loop.nanoTime();
      due += Math.max((now - due) / period, 0) * period + period;
      return due - now;
    }
  }

  /** A task that returns the delay of its next run. */
  private final class Ticker extends LoopTimer {

    private final TickerTask task;

    Ticker(Loop loop, Predicate<Runnable> runner, Supplier<Duration> ticker) {
      this(loop, runner, new TickerTask(ticker));
    }

    private Ticker(Loop loop, Predicate<Runnable> runner, TickerTask task) {
      super(loop, runner, task);
      this.task = task;
    }

    @Override
    long nextNanos() {
      return task.nanos;
    }
  }

  /** Calls a ticker and stores its result. */
  private static final class TickerTask implements Runnable {

    private final Supplier<Duration> ticker;
    private long nanos;

    TickerTask(Supplier<Duration> ticker) {
      this.ticker = ticker;
    }

    @Override
    public void run() {
      nanos = Checks.notNegative("ticker", ticker.get()).toNanos();
    }
  }
}
