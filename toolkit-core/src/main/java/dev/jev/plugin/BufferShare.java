package dev.jev.plugin;

import dev.jev.CloseReason.Kind;
import dev.jev.DeadlineWheel;
import java.time.Duration;

/** One connection's share of the {@link BufferBudget}, which is looked at while it has one. */
final class BufferShare extends DeadlineWheel.Entry {

  private final LimitedConnection connection;
  private final BufferBudget budget;
  private final DeadlineWheel wheel;
  private long held;
  private boolean paused;

  BufferShare(LimitedConnection connection, BufferBudget budget, Duration period) {
    this.connection = connection;
    this.budget = budget;
    this.wheel = connection.link().deadlineWheel(period);
  }

  /** Bytes have come or gone. */
  void touch() {
    if (!isScheduled()) {
      wheel.schedule(this);
    }
  }

  @Override
  protected long deadline(long now) {
    hold(connection.heldBytes());
    if (budget.isTooHeavyToStay(held)) {
      connection.abort(Kind.LIMIT, "buffered bytes", budget.describe(held));
      return now;
    }
    pause(budget.isTooHeavyToGrow(held));
    return held > 0 || paused ? now + wheel.maxDelay() : now;
  }

  private void hold(long bytes) {
    budget.change(held, bytes);
    held = bytes;
  }

  private void pause(boolean on) {
    if (paused != on) {
      paused = on;
      connection.pause(on ? 1 : -1);
    }
  }

  @Override
  protected void expire() {} // holds nothing

  void closed() {
    cancel();
    hold(0);
  }
}
