package dev.jev;

import static java.util.Objects.requireNonNull;

import java.time.Duration;

/**
 * The plan of a connection for the end of its peer's output: an attribute of the connections for
 * which {@link Connection#onHalfClose} was called.
 *
 * <p>Event loop only, but for the constructor.
 */
final class HalfClose {

  private final Duration timeout;
  private final Runnable task;
  private boolean begun;

  HalfClose(Duration timeout, Runnable task) {
    this.timeout = Checks.positive("timeout", timeout);
    this.task = requireNonNull(task, "task");
  }

  Duration timeout() {
    return timeout;
  }

  Runnable task() {
    return task;
  }

  /** Returns whether this is the first call. */
  boolean begin() {
    boolean first = !begun;
    begun = true;
    return first;
  }
}
