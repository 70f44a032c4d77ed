package dev.jev;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A thread that detects blocked event loops.
 *
 * <p>It submits a task to every loop, and a new one once the loop has run it, and measures how long
 * the task waits. A loop that takes longer than the threshold is reported once, with the stack
 * trace of its thread, and once more when it has run the task.
 */
final class LoopWatchdog implements Runnable {

  /**
   * The state of one loop. Its task writes {@code lagNanos} and {@code completed}, the watchdog
   * writes the rest. The volatile field publishes the others.
   */
  private static final class Probe {
    final Loop loop;
    long submittedNanos;
    boolean reported;
    long lagNanos;
    volatile boolean completed = true;

    Probe(Loop loop) {
      this.loop = loop;
    }

    void complete() {
      lagNanos = System.nanoTime() - submittedNanos;
      completed = true;
    }
  }

  private static final long MIN_PERIOD_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private final List<Probe> probes;
  private final List<EventLoopsUser> users;
  private final long limitNanos;
  private final Thread thread;
  private volatile boolean stopped;

  LoopWatchdog(List<Loop> loops, List<EventLoopsUser> users, long limitNanos) {
    this.probes = loops.stream().map(Probe::new).toList();
    this.users = users;
    this.limitNanos = limitNanos;
    this.thread = new Thread(this, "jev-watchdog");
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  /** Requests the end of the thread, and returns the thread. */
  Thread stop() {
    stopped = true;
    LockSupport.unpark(thread);
    return thread;
  }

  @Override
  public void run() {
    while (!stopped) {
      long now = System.nanoTime();
      probes.forEach(probe -> check(probe, now));
      LockSupport.parkNanos(Math.max(limitNanos / 2, MIN_PERIOD_NANOS));
    }
  }

  private void check(Probe probe, long now) {
    if (probe.completed) {
      reportLag(probe);
      if (probe.reported) {
        probe.reported = false;
        report(probe, now, "resumed after", null);
      }
      probe.completed = false;
      probe.submittedNanos = now;
      try {
        probe.loop.executor().execute(probe::complete);
      } catch (RuntimeException e) {
        probe.completed = false; // the loop has ended, which EventLoops handles
        probe.reported = true;
      }
    } else if (!probe.reported && now - probe.submittedNanos > limitNanos) {
      probe.reported = true;
      reportBlocked(probe, now);
    }
  }

  private void reportLag(Probe probe) {
    Thread thread = probe.loop.thread();
    if (thread != null && probe.lagNanos > 0) {
      Duration lag = Duration.ofNanos(probe.lagNanos);
      users.forEach(user -> user.loopLagged(thread, lag));
    }
  }

  private void reportBlocked(Probe probe, long now) {
    Thread thread = probe.loop.thread();
    if (thread == null) {
      return; // the thread does not run yet
    }
    Duration time = Duration.ofNanos(now - probe.submittedNanos);
    users.forEach(user -> user.loopBlocked(thread, time));
    Throwable stack = new Throwable("stack of the blocked event loop");
    stack.setStackTrace(thread.getStackTrace());
    report(probe, now, "has been blocked for", stack);
  }

  private static void report(Probe probe, long now, String event, @Nullable Throwable stack) {
    long millis = TimeUnit.NANOSECONDS.toMillis(now - probe.submittedNanos);
    RateLimitedLog.write(
        System.Logger.Level.WARNING,
        "event loop " + name(probe.loop.thread()) + " " + event + " " + millis + " ms",
        stack);
  }

  private static String name(@Nullable Thread thread) {
    return thread == null ? "?" : thread.getName();
  }
}
