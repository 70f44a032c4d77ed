package dev.jev.plugin;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import dev.jev.CloseReason.Kind;
import dev.jev.plugin.Limits.RateLimitAction;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.ScheduledFuture;
import org.jspecify.annotations.Nullable;

/** Keeps one connection to a rate, of messages or of bytes. */
final class Throttle implements Runnable {

  private final LimitedConnection connection;
  private final String name;
  private final int next;
  private final TokenBucket rate;
  private final RateLimitAction action;
  private final EventLoop loop;
  private long paid;
  private @Nullable ScheduledFuture<?> pause;

  /** One that goes on when there are {@code next} tokens, for what comes next. */
  Throttle(
      LimitedConnection connection,
      String name,
      int next,
      TokenBucket rate,
      RateLimitAction action) {
    this.connection = connection;
    this.name = name;
    this.next = next;
    this.rate = rate;
    this.action = action;
    this.loop = connection.channel().eventLoop();
    this.paid = rate.full(now());
  }

  private long now() {
    return loop.ticker().nanoTime();
  }

  /** Takes tokens for what has come in. */
  void take(int units) {
    long now = now();
    paid = rate.take(units, paid, now);
    if (action == RateLimitAction.DELAY) {
      pause(rate.wait(next, paid, now));
    } else if (rate.isExceeded(paid, now)) {
      connection.close(
          Kind.LIMIT, name + " per second", "too many (expected: <= " + rate.perSecond() + ")");
    }
  }

  private void pause(long nanos) {
    if (nanos > 0 && pause == null) {
      connection.pause(1);
      pause = loop.schedule(this, nanos, NANOSECONDS);
    }
  }

  /** Ends the pause, if it is paid for. */
  @Override
  public void run() {
    pause = null;
    long wait = rate.wait(next, paid, now());
    if (wait > 0) {
      pause = loop.schedule(this, wait, NANOSECONDS);
    } else {
      connection.pause(-1);
    }
  }

  void closed() {
    if (pause != null) {
      pause.cancel(false);
    }
  }
}
