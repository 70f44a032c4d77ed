package dev.jev.nodes;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Logs one kind of line at most once per second, since peers can cause it with each command. Each
 * line has the number of those that were left out before it.
 *
 * <p><b>Threads.</b> Any.
 */
final class LogLimit {

  private static final long PERIOD_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final AtomicLong nextAllowed = new AtomicLong(System.nanoTime());
  private final AtomicLong others = new AtomicLong();

  void warning(String message, @Nullable Throwable cause) {
    long now = System.nanoTime();
    long due = nextAllowed.get();
    if (now - due < 0 || !nextAllowed.compareAndSet(due, now + PERIOD_NANOS)) {
      others.incrementAndGet();
      return;
    }
    long count = others.getAndSet(0);
    String suffix = count == 0 ? "" : " (and " + count + " others since the last line)";
    NodeLog.warning(message + suffix, cause);
  }
}
