package dev.jev;

import io.netty.util.concurrent.SingleThreadEventExecutor;
import io.netty.util.concurrent.ThreadProperties;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

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
    final SingleThreadEventExecutor executor;
    final ThreadProperties thread;
    long asked;
    boolean reported;
    volatile boolean answered = true;

    Watch(Loop loop) {
      executor = (SingleThreadEventExecutor) loop.executor();
      thread = executor.threadProperties();
    }
  }

  private static final long MIN_PERIOD_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private final List<Watch> watches;
  private final long limitNanos;
  private final Thread thread;
  private volatile boolean stopped;

  Watchdog(List<Loop> loops, long limitNanos) {
    this.watches = loops.stream().map(Watch::new).toList();
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
      if (watch.reported) {
        watch.reported = false;
        report(watch, now, "went on", null);
      }
      watch.answered = false;
      watch.asked = now;
      try {
        watch.executor.execute(() -> watch.answered = true);
      } catch (RuntimeException e) {
        stopped = true; // the loop has ended: somebody else sees to that
      }
    } else if (!watch.reported && now - watch.asked > limitNanos) {
      watch.reported = true;
      Throwable stack = new Throwable("stack of the blocked event loop");
      stack.setStackTrace(watch.thread.stackTrace());
      report(watch, now, "is blocked", stack);
    }
  }

  private static void report(
      Watch watch, long now, String what, @org.jspecify.annotations.Nullable Throwable stack) {
    long millis = TimeUnit.NANOSECONDS.toMillis(now - watch.asked);
    RateLimitedLog.write(
        System.Logger.Level.WARNING,
        "event loop " + watch.thread.name() + " " + what + " after " + millis + " ms",
        stack);
  }
}
