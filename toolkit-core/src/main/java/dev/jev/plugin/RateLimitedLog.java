package dev.jev.plugin;

import java.lang.System.Logger.Level;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/** Logs one kind of event at most once per second, with the number of those left out before. */
final class RateLimitedLog {

  private static final System.Logger LOGGER = System.getLogger("dev.jev");
  private static final long PERIOD_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final AtomicLong next = new AtomicLong(System.nanoTime());
  private final AtomicLong suppressed = new AtomicLong();

  /** Logs a warning, unless one was logged within the last second. Never throws. */
  @SuppressWarnings("EmptyCatch") // a failing log must not stop an event loop
  void warning(Supplier<String> message) {
    long now = System.nanoTime();
    long due = next.get();
    if (now - due < 0 || !next.compareAndSet(due, now + PERIOD_NANOS)) {
      suppressed.incrementAndGet();
      return;
    }
    long skipped = suppressed.getAndSet(0);
    try {
      LOGGER.log(Level.WARNING, message.get() + others(skipped));
    } catch (Throwable failure) {
      // There is no other place to report it.
    }
  }

  private static String others(long skipped) {
    if (skipped == 0) {
      return "";
    }
    return " (and " + skipped + (skipped == 1 ? " other" : " others") + " since the last line)";
  }
}
