package dev.jev.plugin;

import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.NANOSECONDS;

import dev.jev.CloseReason.Kind;
import dev.jev.plugin.Limits.RateLimitAction;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Limits the rate of messages or of bytes of one connection. */
final class Throttle implements Runnable {

  private final LimitContext connection;
  private final String name;
  private final int resumeTokens;
  private final Limits limits;
  private final Function<LimitValues, @Nullable TokenBucket> rate;
  private final EventLoop loop;
  private long paidUntil;
  private @Nullable ScheduledFuture<?> resumeTask;

  /** Creates a throttle that resumes reading when there are {@code resumeTokens} tokens. */
  Throttle(
      LimitContext connection,
      String name,
      int resumeTokens,
      Limits limits,
      Function<LimitValues, @Nullable TokenBucket> rate) {
    this.connection = connection;
    this.name = name;
    this.resumeTokens = resumeTokens;
    this.limits = limits;
    this.rate = rate;
    this.loop = connection.channel().eventLoop();
    this.paidUntil = rate().full(now());
  }

  /** Returns the present rate; a limit that was set once stays set. */
  private TokenBucket rate() {
    return requireNonNull(rate.apply(limits.values()));
  }

  private long now() {
    return loop.ticker().nanoTime();
  }

  /** Takes tokens for received messages or bytes. */
  void take(int units) {
    TokenBucket present = rate();
    long now = now();
    paidUntil = present.take(units, paidUntil, now);
    if (limits.values().onRateExceeded() == RateLimitAction.DELAY) {
      pause(present.delay(resumeTokens, paidUntil, now));
    } else if (present.isExceeded(paidUntil, now)) {
      connection.close(
          Kind.LIMIT, name, name + " limit of " + present.perSecond() + " per second exceeded");
    }
  }

  private void pause(long nanos) {
    if (nanos > 0 && resumeTask == null) {
      connection.pauseReading();
      resumeTask = loop.schedule(this, nanos, NANOSECONDS);
    }
  }

  /** Ends the pause if there are enough tokens. */
  @Override
  public void run() {
    resumeTask = null;
    long wait = rate().delay(resumeTokens, paidUntil, now());
    if (wait > 0) {
      resumeTask = loop.schedule(this, wait, NANOSECONDS);
    } else {
      connection.resumeReading();
    }
  }

  void closed() {
    if (resumeTask != null) {
      resumeTask.cancel(false);
    }
  }
}
