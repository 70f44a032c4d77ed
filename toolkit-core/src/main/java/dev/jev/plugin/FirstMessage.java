package dev.jev.plugin;

import dev.jev.CloseReason.Kind;
import dev.jev.Wheel;
import java.time.Duration;

/** Waits for the first message of one connection, though not for ever. */
final class FirstMessage extends Wheel.Entry {

  private final LimitedConnection connection;
  private final Wheel wheel;
  private long deadline;

  FirstMessage(LimitedConnection connection, Duration deadline) {
    this.connection = connection;
    this.wheel = connection.link().wheel(deadline);
  }

  void connected() {
    deadline = wheel.now() + wheel.span();
    wheel.watch(this);
  }

  @Override
  protected long wellUntil(long now) {
    return deadline;
  }

  @Override
  protected void expire() {
    connection.close(
        Kind.TIMEOUT,
        "first message",
        "none after " + Duration.ofNanos(wheel.span()) + " (expected: one)");
  }
}
