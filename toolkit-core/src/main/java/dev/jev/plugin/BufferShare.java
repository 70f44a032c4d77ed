package dev.jev.plugin;

import dev.jev.CloseReason.Kind;
import dev.jev.DeadlineWheel;
import java.time.Duration;

/**
 * The share of one connection in the {@link BufferBudget}.
 *
 * <p>The share is updated after each read, and periodically while it is not empty, since output
 * leaves and queued messages are handled without a read. A share that does not change is checked
 * rarely.
 *
 * <p>A pause frees what is written or handled meanwhile. It frees nothing of a message whose end is
 * not read, so a paused connection that frees nothing for some time is closed.
 */
final class BufferShare extends DeadlineWheel.Entry {

  private static final long PERIOD_NANOS = Duration.ofMillis(50).toNanos();
  private static final Duration UNCHANGED_PERIOD = Duration.ofSeconds(1);
  private static final long PATIENCE_NANOS = Duration.ofSeconds(10).toNanos();

  private final LimitContext connection;
  private final BufferBudget budget;
  private final DeadlineWheel wheel;
  private long buffered;
  private boolean unchanged; // the next check is a late one
  private boolean closed;

  private boolean paused;
  private long pausedSince; // or since when the share has last become smaller
  private long pausedBytes; // the share at that time

  BufferShare(LimitContext connection, BufferBudget budget) {
    this.connection = connection;
    this.budget = budget;
    this.wheel = connection.link().deadlineWheel(UNCHANGED_PERIOD);
  }

  /** Updates the share after a read. */
  void readComplete() {
    long before = buffered;
    update();
    if (buffered != before && !closed) {
      checkSoon();
      check();
    }
  }

  /** Checks the share soon, after bytes were read or before bytes are written. */
  void checkSoon() {
    if ((unchanged || !isScheduled()) && !closed) {
      unchanged = false;
      wheel.schedule(this, wheel.now() + PERIOD_NANOS);
    }
  }

  @Override
  protected long deadline(long now) {
    long before = buffered;
    update();
    check();
    if (closed || (buffered == 0 && !paused)) {
      return now; // leaves the wheel
    }
    unchanged = buffered == before && !paused;
    return now + (unchanged ? wheel.maxDelay() : PERIOD_NANOS);
  }

  private void update() {
    set(connection.link().bufferedBytes());
  }

  private void set(long bytes) {
    if (!closed) {
      budget.change(buffered, bytes);
      buffered = bytes;
    }
  }

  private void check() {
    if (closed) {
      return;
    }
    if (budget.shouldClose(buffered)) {
      abort(budget.exceeded(95, buffered));
    } else if (isStuck()) {
      abort(budget.exceeded(80, buffered) + ", which has freed none of them for 10 s");
    } else {
      pause(budget.shouldPause(buffered));
    }
  }

  private void abort(String message) {
    connection.abort(Kind.LIMIT, "buffer budget", message);
  }

  /** Returns whether a pause has freed nothing for too long. */
  private boolean isStuck() {
    if (!paused) {
      return false;
    }
    long now = wheel.now();
    if (buffered < pausedBytes) {
      pausedBytes = buffered;
      pausedSince = now;
    }
    return now - pausedSince > PATIENCE_NANOS;
  }

  private void pause(boolean on) {
    if (paused == on) {
      return;
    }
    paused = on;
    if (on) {
      pausedSince = wheel.now();
      pausedBytes = buffered;
      connection.pauseReading();
    } else {
      connection.resumeReading();
    }
  }

  @Override
  protected void expire() {} // deadline() has done everything

  void closed() {
    cancel();
    set(0);
    closed = true;
  }
}
