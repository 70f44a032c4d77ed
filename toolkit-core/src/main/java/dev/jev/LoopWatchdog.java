package dev.jev;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A thread that detects blocked event loops.
 *
 * <p>It submits a task to every loop, and a new one once the loop has run it, and measures how long
 * the task waits. A loop that takes longer than the threshold is reported once, with the stack
 * trace of its thread, and once more when it has run the task.
 *
 * <p>A loop that could not run is not blocked: its thread waits for events although the task is
 * there, or has had hardly any processor time. This happens if the machine is busy, if a container
 * has used up its CPU quota, or if the JVM was suspended.
 */
final class LoopWatchdog implements Runnable {

  /**
   * The state of one loop. Its task writes {@code lagNanos} and {@code completed}, the watchdog
   * writes the rest. The volatile field publishes the others.
   */
  private static final class Probe {
    final Loop loop;
    long submittedNanos;
    long submittedCpuNanos; // of the loop's thread
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

  /** The share of a processor, as one part in so many, below which a thread counts as starved. */
  private static final int STARVED_PART = 10;

  /** The classes in which the transports wait for events. */
  private static final Set<String> WAITING =
      Set.of(
          "io.netty.channel.epoll.Native",
          "io.netty.channel.kqueue.Native",
          "io.netty.channel.local.LocalIoHandler",
          "io.netty.channel.uring.Native",
          "sun.nio.ch.EPoll",
          "sun.nio.ch.KQueue",
          "sun.nio.ch.WEPoll");

  private static final RateLimitedLog STARVED = new RateLimitedLog(Duration.ofMinutes(1));

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
      probe.submittedCpuNanos = cpuNanos(probe.loop.thread());
      try {
        probe.loop.executor().execute(probe::complete);
      } catch (RuntimeException e) {
        probe.completed = false; // the loop has ended, which EventLoops handles
        probe.reported = true;
      }
    } else if (!probe.reported && now - probe.submittedNanos > limitNanos) {
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
    long nanos = now - probe.submittedNanos;
    long cpuNanos = cpuNanos(thread) - probe.submittedCpuNanos;
    Thread.State state = thread.getState();
    StackTraceElement[] stack = thread.getStackTrace();
    if (isStarved(state, stack, cpuNanos, nanos)) {
      STARVED.warning(
          "event loop "
              + thread.getName()
              + ": no processor time for "
              + TimeUnit.NANOSECONDS.toMillis(nanos)
              + " ms (CPU quota?)");
      return; // it may be blocked later
    }
    probe.reported = true;
    users.forEach(user -> user.loopBlocked(thread, Duration.ofNanos(nanos)));
    Throwable trace = new Throwable("stack of the blocked event loop");
    trace.setStackTrace(stack);
    report(probe, now, "has been blocked for", trace);
  }

  /**
   * Returns whether a thread did not run for want of processor time, although it was able to.
   *
   * @param stack the stack of the thread
   * @param cpuNanos the processor time that it has used
   * @param nanos the time in which it has used that
   */
  static boolean isStarved(
      Thread.State state, StackTraceElement[] stack, long cpuNanos, long nanos) {
    if (stack.length == 0) {
      return false; // it has ended
    }
    if (Arrays.stream(stack).limit(3).anyMatch(frame -> WAITING.contains(frame.getClassName()))
        && isOfNetty(stack)) {
      return true;
    }
    // A native method may wait for a file or a name server, which the state does not show.
    return state == Thread.State.RUNNABLE
        && !stack[0].isNativeMethod()
        && cpuNanos < nanos / STARVED_PART;
  }

  /** Returns whether Netty called the JDK, and not a handler with a selector of its own. */
  private static boolean isOfNetty(StackTraceElement[] stack) {
    return Arrays.stream(stack)
        .map(StackTraceElement::getClassName)
        .filter(name -> !name.startsWith("java.") && !name.startsWith("jdk."))
        .filter(name -> !name.startsWith("sun."))
        .findFirst()
        .filter(name -> name.startsWith("io.netty."))
        .isPresent();
  }

  /** Returns the processor time of a thread, as if it never paused if that is not measured. */
  private static long cpuNanos(@Nullable Thread thread) {
    long nanos = thread == null ? 0 : ProcessorTime.of(thread);
    return nanos >= 0 ? nanos : System.nanoTime();
  }

  /** The JVM's management, which is loaded on the thread of the watchdog. */
  private static final class ProcessorTime {
    static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    /** Returns the processor time of a thread in nanoseconds; negative if it is not measured. */
    static long of(Thread thread) {
      return THREADS.isThreadCpuTimeSupported() ? THREADS.getThreadCpuTime(thread.getId()) : -1;
    }
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
