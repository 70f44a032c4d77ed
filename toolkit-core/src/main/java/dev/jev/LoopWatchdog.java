package dev.jev;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A thread that finds event loops which do not come round.
 *
 * <p>It gives every loop a task, again as soon as the loop has run it, and looks how long the loop
 * takes. A loop that takes too long is reported once, with the stack of its thread, and once more
 * when it goes on.
 */
final class LoopWatchdog implements Runnable {

  /** What is known of one loop. Written by the watchdog, except {@code answered}. */
  private static final class Probe {
    final Loop loop;
    long asked;
    boolean reported;
    long lag;
    volatile boolean answered = true;

    Probe(Loop loop) {
      this.loop = loop;
    }

    void answer() {
      lag = System.nanoTime() - asked;
      answered = true;
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

  /** Tells the thread to end, and returns it. */
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
    if (probe.answered) {
      reportLag(probe);
      if (probe.reported) {
        probe.reported = false;
        report(probe, now, "went on", null);
      }
      probe.answered = false;
      probe.asked = now;
      try {
        probe.loop.executor().execute(probe::answer);
      } catch (RuntimeException e) {
        probe.answered = false; // the loop has ended: somebody else sees to that
        probe.reported = true;
      }
    } else if (!probe.reported && now - probe.asked > limitNanos) {
      probe.reported = true;
      reportBlocked(probe, now);
    }
  }

  private void reportLag(Probe probe) {
    Thread thread = probe.loop.thread();
    if (thread != null && probe.lag > 0) {
      Duration lag = Duration.ofNanos(probe.lag);
      users.forEach(user -> user.loopLagged(thread, lag));
    }
  }

  private void reportBlocked(Probe probe, long now) {
    Thread thread = probe.loop.thread();
    if (thread == null) {
      return; // it has not even begun
    }
    Duration time = Duration.ofNanos(now - probe.asked);
    users.forEach(user -> user.loopBlocked(thread, time));
    Throwable stack = new Throwable("stack of the blocked event loop");
    stack.setStackTrace(thread.getStackTrace());
    report(probe, now, "is blocked", stack);
  }

  private static void report(Probe probe, long now, String what, @Nullable Throwable stack) {
    long millis = TimeUnit.NANOSECONDS.toMillis(now - probe.asked);
    RateLimitedLog.write(
        System.Logger.Level.WARNING,
        "event loop " + name(probe.loop.thread()) + " " + what + " after " + millis + " ms",
        stack);
  }

  private static String name(@Nullable Thread thread) {
    return thread == null ? "?" : thread.getName();
  }
}
