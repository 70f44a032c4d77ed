package dev.jev;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.System.Logger.Level;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * One kind of event's way to the log: at most once a second, with a count of what was left out.
 *
 * <p>Never throws. A logging back end that fails, because no file can be opened for example, must
 * not take an event loop with it.
 */
final class RateLimitedLog {

  private static final System.Logger LOGGER = System.getLogger("dev.jev");
  private static final long PERIOD_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final AtomicLong nextAllowed = new AtomicLong(System.nanoTime());
  private final AtomicLong suppressed = new AtomicLong();

  /**
   * Loads what it takes to report an error.
   *
   * <p>The first record that the JDK's logging writes opens files: time zones, classes. When no
   * file descriptor is left that fails, with an Error, in the middle of reporting just that.
   */
  static void warmUp() {
    ZonedDateTime now = ZonedDateTime.now(ZoneId.systemDefault());
    String time = String.format("%1$tb %1$td, %1$tY %1$tl:%1$tM:%1$tS %1$Tp", now);
    StringWriter stack = new StringWriter();
    new Throwable(time).printStackTrace(new PrintWriter(stack));
    write(Level.TRACE, stack.toString(), null);
  }

  void warning(String message) {
    warning(message, null);
  }

  /** Logs a warning, unless there was one within the last second. */
  void warning(String message, @Nullable Throwable cause) {
    long now = System.nanoTime();
    long due = nextAllowed.get();
    if (now - due < 0 || !nextAllowed.compareAndSet(due, now + PERIOD_NANOS)) {
      suppressed.incrementAndGet();
      return;
    }
    long more = suppressed.getAndSet(0);
    write(Level.WARNING, more == 0 ? message : message + " (and " + more + " more)", cause);
  }

  /** Logs without a limit: for what happens once. */
  @SuppressWarnings(
      "CatchAndPrintStackTrace") // the log itself failed: standard error is what is left
  static void write(Level level, String message, @Nullable Throwable cause) {
    try {
      LOGGER.log(level, message, cause);
    } catch (Throwable failure) {
      try {
        failure.printStackTrace();
      } catch (Throwable ignored) {
        // Nobody can be told.
      }
    }
  }
}
