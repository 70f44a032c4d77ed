package dev.jev.plugin;

import dev.jev.CloseReason.Kind;
import dev.jev.Wheel;
import java.time.Duration;

/** One connection's share of the {@link BufferBudget}, which is looked at while it has one. */
final class BufferShare extends Wheel.Entry {

  private final LimitedConnection connection;
  private final BufferBudget budget;
  private final Wheel wheel;
  private long held;
  private boolean paused;

  BufferShare(LimitedConnection connection, BufferBudget budget, Duration period) {
    this.connection = connection;
    this.budget = budget;
    this.wheel = connection.link().wheel(period);
  }

  /** Bytes have come or gone. */
  void touch() {
    if (!isWatched()) {
      wheel.watch(this);
    }
  }

  @Override
  protected long wellUntil(long now) {
    hold(connection.heldBytes());
    if (budget.isTooHeavyToStay(held)) {
      connection.abort(Kind.LIMIT, "buffered bytes", budget.describe(held));
      return now;
    }
    pause(budget.isTooHeavyToGrow(held));
    return held > 0 || paused ? now + wheel.span() : now;
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
    leave();
    hold(0);
  }
}
