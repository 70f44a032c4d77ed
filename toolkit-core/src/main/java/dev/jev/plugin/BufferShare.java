package dev.jev.plugin;

import dev.jev.CloseReason.Kind;
import dev.jev.DeadlineWheel;
import java.time.Duration;

/**
 * The share of one connection in the {@link BufferBudget}, checked periodically while it has one.
 */
final class BufferShare extends DeadlineWheel.Entry {

  private final LimitContext connection;
  private final BufferBudget budget;
  private final DeadlineWheel wheel;
  private long buffered;
  private boolean paused;

  BufferShare(LimitContext connection, BufferBudget budget, Duration period) {
    this.connection = connection;
    this.budget = budget;
    this.wheel = connection.link().deadlineWheel(period);
  }

  /** Starts the periodic check, after bytes were read or before bytes are written. */
  void bytesChanged() {
    if (!isScheduled()) {
      wheel.schedule(this);
    }
  }

  @Override
  protected long deadline(long now) {
    update(connection.bufferedBytes());
    if (budget.shouldClose(buffered)) {
      connection.abort(Kind.LIMIT, "buffer budget", budget.describe(buffered));
      return now;
    }
    pause(budget.shouldPause(buffered));
    return buffered > 0 || paused ? now + wheel.maxDelay() : now;
  }

  private void update(long bytes) {
    budget.change(buffered, bytes);
    buffered = bytes;
  }

  private void pause(boolean on) {
    if (paused != on) {
      paused = on;
      if (on) {
        connection.pauseReading();
      } else {
        connection.resumeReading();
      }
    }
  }

  @Override
  protected void expire() {} // deadline() has done everything

  void closed() {
    cancel();
    update(0);
  }
}
