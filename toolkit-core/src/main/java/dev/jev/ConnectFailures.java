package dev.jev;

import java.lang.System.Logger.Level;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The failed attempts of a client that will try again, logged at most once per second and target
 * for all clients of the process.
 *
 * <p>When a server fails, all of its clients fail, and one line says as much as a thousand. The
 * next line has the number of other clients that failed in the meantime, each counted once.
 *
 * <p><b>Threads.</b> For one thread, except {@link #close}; the lines are shared by all threads.
 */
final class ConnectFailures {

  private static final long PERIOD_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** The lines of the targets that some client fails to reach; removed with the last client. */
  private static final Map<String, Lines> TARGETS = new ConcurrentHashMap<>();

  private final String target;
  private final Lines lines;
  private long countedFor = -1; // the number of the line that counts this client; guarded by lines

  /** Creates the log of one client; to be {@linkplain #close closed} with it. */
  ConnectFailures(String target) {
    this.target = target;
    this.lines =
        TARGETS.compute(
            target,
            (key, known) -> {
              Lines joined = known == null ? new Lines() : known;
              joined.clients++;
              return joined;
            });
  }

  void close() {
    TARGETS.computeIfPresent(target, (key, known) -> --known.clients == 0 ? null : known);
  }

  /** Logs a failure, or counts it for the next line. */
  void log(String failure) {
    Long others = othersIfDue();
    if (others != null) {
      RateLimitedLog.write(Level.WARNING, RateLimitedLog.withOthers(failure, others), null);
    }
  }

  /** Returns the number of other clients if a line is due, else counts this one. */
  private @Nullable Long othersIfDue() {
    long now = System.nanoTime();
    synchronized (lines) {
      boolean counted = countedFor == lines.number;
      if (now - lines.nextDue < 0) {
        countedFor = lines.number;
        lines.others += counted ? 0 : 1;
        return null;
      }
      long others = lines.others - (counted ? 1 : 0);
      lines.nextDue = now + PERIOD_NANOS;
      lines.number++;
      lines.others = 0;
      return others;
    }
  }

  /** The lines about one target. */
  private static final class Lines {
    int clients; // guarded by the map

    // Guarded by this.
    long nextDue = System.nanoTime();
    long number; // of the next line
    long others; // clients that failed since the last line
  }
}
