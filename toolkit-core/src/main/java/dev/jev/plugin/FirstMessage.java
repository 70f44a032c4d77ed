package dev.jev.plugin;

import dev.jev.CloseReason.Kind;
import dev.jev.DeadlineWheel;
import java.time.Duration;

/** Closes a connection whose first message does not arrive in time. */
final class FirstMessage extends DeadlineWheel.Entry {

  private final LimitContext connection;
  private final DeadlineWheel wheel;
  private long deadline;

  FirstMessage(LimitContext connection, Duration timeout) {
    this.connection = connection;
    this.wheel = connection.link().deadlineWheel(timeout);
  }

  void connected() {
    deadline = wheel.now() + wheel.maxDelay();
    wheel.schedule(this);
  }

  @Override
  protected long deadline(long now) {
    return deadline;
  }

  @Override
  protected void expire() {
    connection.close(
        Kind.TIMEOUT, "first message", "no message within " + Duration.ofNanos(wheel.maxDelay()));
  }
}
