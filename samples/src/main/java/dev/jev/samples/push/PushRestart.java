package dev.jev.samples.push;

import static java.util.Objects.requireNonNull;

import dev.jev.Plugin;
import dev.jev.plugin.Drain;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Restarts the server by a drain, and counts how its connections return.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
final class PushRestart {

  private static final Duration SPREAD = Duration.ofSeconds(2);
  private static final Duration DEADLINE = Duration.ofSeconds(5);
  private static final int SHOWN_SECONDS = 12;

  private final AtomicIntegerArray perSecond = new AtomicIntegerArray(SHOWN_SECONDS);

  // Volatile: read by any thread.
  private volatile @Nullable Drain drain;
  private volatile long startNanos;
  private volatile int drained; // connections at the beginning of the drain; 0 without one
  private volatile int before; // connections of the server before; 0 without one

  /** Returns the plugin of the next server. */
  Plugin next() {
    IntStream.range(0, SHOWN_SECONDS).forEach(i -> perSecond.set(i, 0));
    startNanos = System.nanoTime();
    before = drained;
    drained = 0;
    Drain next =
        Drain.builder()
            .acceptTime(Duration.ZERO)
            .spread(SPREAD)
            .deadline(DEADLINE)
            .withoutShutdownHook()
            .build();
    drain = next;
    return next;
  }

  /** Begins the restart, unless it has begun: a second time would close all at once. */
  synchronized void begin(int connections) {
    Drain now = requireNonNull(drain, "drain");
    if (now.isReady()) {
      boolean isReturning = seconds() < SHOWN_SECONDS;
      drained = Math.max(connections, isReturning ? before : 0);
      now.begin();
    }
  }

  private long seconds() {
    return TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - startNanos);
  }

  /** Counts a connection. */
  void connected() {
    long second = seconds();
    if (second < SHOWN_SECONDS) {
      perSecond.incrementAndGet((int) second);
    }
  }

  /** Returns what has come back; null without a restart, or some time after it. */
  PushEvent.@Nullable Restarted progress(int connections) {
    long second = seconds();
    return before == 0 || second >= SHOWN_SECONDS
        ? null
        : new PushEvent.Restarted(
            before,
            connections,
            IntStream.rangeClosed(0, (int) second).map(perSecond::get).boxed().toList());
  }
}
