package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;

/** Waits for events on other threads of which there is no notification. */
public final class Eventually {

  /** More than the 10 s in which a connection that the budget of Limits has paused is closed. */
  private static final long LIMIT_NANOS = Duration.ofSeconds(20).toNanos();

  private static final long PAUSE_NANOS = Duration.ofMillis(2).toNanos();

  private Eventually() {}

  /** Waits until {@code condition} holds, and fails if that takes too long. */
  public static void holds(String what, Callable<Boolean> condition) throws Exception {
    long start = System.nanoTime();
    while (!condition.call()) {
      assertThat(System.nanoTime() - start)
          .as("nanoseconds until: %s", what)
          .isLessThan(LIMIT_NANOS);
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }

  /** Waits until no thread of a server is left. */
  public static void noServerThreadIsLeft() throws Exception {
    long start = System.nanoTime();
    while (!serverThreads().isEmpty()) {
      assertThat(System.nanoTime() - start).as("%s", serverThreads()).isLessThan(LIMIT_NANOS);
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }

  /** The names of all living threads of servers. */
  public static List<String> serverThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .filter(name -> name.startsWith("jev-"))
        .sorted()
        .toList();
  }
}
