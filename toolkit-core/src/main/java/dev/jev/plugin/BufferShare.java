package dev.jev.plugin;

import dev.jev.CloseReason.Kind;
import dev.jev.DeadlineWheel;
import java.time.Duration;

/** One connection's share of the {@link BufferBudget}, which is looked at while it has one. */
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

  /** Bytes have come or gone. */
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
  protected void expire() {} // holds nothing

  void closed() {
    cancel();
    update(0);
  }
}
