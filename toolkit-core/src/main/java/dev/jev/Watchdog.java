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
final class Watchdog implements Runnable {

  /** What is known of one loop. Written by the watchdog, except {@code answered}. */
  private static final class Watch {
    final Loop loop;
    long asked;
    boolean reported;
    long lag;
    volatile boolean answered = true;

    Watch(Loop loop) {
      this.loop = loop;
    }

    void answer() {
      lag = System.nanoTime() - asked;
      answered = true;
    }
  }

  private static final long MIN_PERIOD_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private final List<Watch> watches;
  private final List<Endpoint> users;
  private final long limitNanos;
  private final Thread thread;
  private volatile boolean stopped;

  Watchdog(List<Loop> loops, List<Endpoint> users, long limitNanos) {
    this.watches = loops.stream().map(Watch::new).toList();
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
      watches.forEach(watch -> look(watch, now));
      LockSupport.parkNanos(Math.max(limitNanos / 2, MIN_PERIOD_NANOS));
    }
  }

  private void look(Watch watch, long now) {
    if (watch.answered) {
      tellLag(watch);
      if (watch.reported) {
        watch.reported = false;
        report(watch, now, "went on", null);
      }
      watch.answered = false;
      watch.asked = now;
      try {
        watch.loop.executor().execute(watch::answer);
      } catch (RuntimeException e) {
        watch.answered = false; // the loop has ended: somebody else sees to that
        watch.reported = true;
      }
    } else if (!watch.reported && now - watch.asked > limitNanos) {
      watch.reported = true;
      reportBlocked(watch, now);
    }
  }

  private void tellLag(Watch watch) {
    Thread thread = watch.loop.thread();
    if (thread != null && watch.lag > 0) {
      Duration lag = Duration.ofNanos(watch.lag);
      users.forEach(user -> user.tellPlugins(plugin -> plugin.loopLagged(thread, lag)));
    }
  }

  private void reportBlocked(Watch watch, long now) {
    Thread thread = watch.loop.thread();
    if (thread == null) {
      return; // it has not even begun
    }
    Duration time = Duration.ofNanos(now - watch.asked);
    users.forEach(user -> user.tellPlugins(plugin -> plugin.loopBlocked(thread, time)));
    Throwable stack = new Throwable("stack of the blocked event loop");
    stack.setStackTrace(thread.getStackTrace());
    report(watch, now, "is blocked", stack);
  }

  private static void report(Watch watch, long now, String what, @Nullable Throwable stack) {
    long millis = TimeUnit.NANOSECONDS.toMillis(now - watch.asked);
    RateLimitedLog.write(
        System.Logger.Level.WARNING,
        "event loop " + name(watch.loop.thread()) + " " + what + " after " + millis + " ms",
        stack);
  }

  private static String name(@Nullable Thread thread) {
    return thread == null ? "?" : thread.getName();
  }
}
