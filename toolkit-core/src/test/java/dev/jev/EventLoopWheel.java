package dev.jev;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.ScheduledFuture;
import java.time.Duration;

/** Deadline wheels on event loops whose time a test advances. */
public final class EventLoopWheel {

  private EventLoopWheel() {}

  public static DeadlineWheel of(EventLoop loop, Duration maxDelay) {
    return new DeadlineWheel(
        maxDelay,
        loop.ticker()::nanoTime,
        (task, delay) -> {
          ScheduledFuture<?> timer = loop.schedule(task, delay, NANOSECONDS);
          return () -> timer.cancel(false);
        });
  }
}
