package dev.jev;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Logs one kind of event at most once per period, which is one second by default.
 *
 * <p>Each line has the number of events that were left out since the line before, however long ago
 * that was. No timer logs the number if no further event follows.
 *
 * <p>Never throws: a logging back end that fails, for example because no file can be opened, must
 * not end an event loop.
 */
final class RateLimitedLog {

  private static final System.Logger LOGGER = System.getLogger("dev.jev");

  private final long periodNanos;
  private final AtomicLong nextAllowed = new AtomicLong(System.nanoTime());
  private final AtomicLong suppressed = new AtomicLong();

  RateLimitedLog() {
    this(Duration.ofSeconds(1));
  }

  RateLimitedLog(Duration period) {
    this.periodNanos = period.toNanos();
  }

  /**
   * Loads the classes and files that logging an error needs.
   *
   * <p>The JDK's logging opens files for its first record: time zones, classes. Without a free file
   * descriptor this fails with an {@code Error}, just when the lack of descriptors is to be logged.
   * Nothing is logged here, whatever the level of the logger is.
   */
  static void warmUp() {
    ZonedDateTime now = ZonedDateTime.now(ZoneId.systemDefault());
    String time = String.format("%1$tb %1$td, %1$tY %1$tl:%1$tM:%1$tS %1$Tp", now);
    StringWriter stack = new StringWriter();
    new Throwable(time).printStackTrace(new PrintWriter(stack));
    LOGGER.isLoggable(Level.ERROR);
  }

  void warning(String message) {
    warning(message, null);
  }

  /** Logs a warning, unless there was one within the last period. */
  void warning(String message, @Nullable Throwable cause) {
    long now = System.nanoTime();
    long due = nextAllowed.get();
    if (now - due < 0 || !nextAllowed.compareAndSet(due, now + periodNanos)) {
      suppressed.incrementAndGet();
      return;
    }
    write(Level.WARNING, withOthers(message, suppressed.getAndSet(0)), cause);
  }

  /** Returns a line with the number of similar events that were not logged. */
  static String withOthers(String message, long others) {
    if (others == 0) {
      return message;
    }
    return message
        + " (and "
        + others
        + (others == 1 ? " other" : " others")
        + " since the last line)";
  }

  /** Logs without a rate limit, for events that happen once. */
  @SuppressWarnings("CatchAndPrintStackTrace") // logging failed: standard error is the last resort
  static void write(Level level, String message, @Nullable Throwable cause) {
    try {
      LOGGER.log(level, message, cause);
    } catch (Throwable failure) {
      try {
        failure.printStackTrace();
      } catch (Throwable ignored) {
        // There is no other place to report it.
      }
    }
  }
}
