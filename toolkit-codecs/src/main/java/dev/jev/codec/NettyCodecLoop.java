package dev.jev.codec;

import static java.util.Objects.requireNonNull;

import dev.jev.ScheduledTask;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelPromise;
import io.netty.channel.DefaultChannelPromise;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.util.concurrent.AbstractScheduledEventExecutor;
import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The event loop that the handlers of one connection see. It runs their tasks on the connection's
 * event loop, and their scheduled tasks with one timer of the protocol's context.
 *
 * <p>Event loop only, except {@link #execute} and the methods that schedule tasks.
 */
final class NettyCodecLoop extends AbstractScheduledEventExecutor implements EventLoop {

  /** The maximum number of tasks that run before other work of the event loop. */
  private static final int MAX_TASKS = 256;

  /** The longest delay of the timer, for tasks that are due later than a timer can be. */
  private static final long MAX_DELAY_NANOS = Duration.ofDays(365).toNanos();

  private final NettyCodecProtocol<?> protocol;
  private final Thread thread = Thread.currentThread();
  private final ArrayDeque<Runnable> tasks = new ArrayDeque<>(2);

  private @Nullable ScheduledTask timer;
  private long timerDeadline; // valid if there is a timer
  private boolean ended;

  NettyCodecLoop(NettyCodecProtocol<?> protocol) {
    this.protocol = protocol;
  }

  @Override
  public void execute(Runnable task) {
    requireNonNull(task, "task");
    if (inEventLoop()) {
      tasks.add(task);
      if (!protocol.isInPipeline() && !ended) {
        protocol.wake();
      }
    } else {
      protocol.context().runAfter(Duration.ZERO, () -> protocol.run(() -> tasks.add(task)));
    }
  }

  /** Runs the immediate tasks. */
  void runTasks() {
    Runnable task;
    for (int n = 0; n < MAX_TASKS && (task = tasks.poll()) != null; n++) {
      run(task);
    }
    if (!tasks.isEmpty() && !ended) {
      protocol.wake();
    }
  }

  private void run(Runnable task) {
    try {
      task.run();
    } catch (Throwable t) {
      protocol.failed(t);
    }
  }

  /** Sets the timer for the next scheduled task; called after each call of the pipeline. */
  void arm() {
    long untilDue = ended ? -1 : nextScheduledTaskNano();
    if (untilDue < 0) {
      return;
    }
    long delay = Math.min(untilDue, MAX_DELAY_NANOS);
    long deadline = ticker().nanoTime() + delay;
    if (timer != null) {
      if (timerDeadline - deadline <= 0) {
        return; // after it fires, the timer is set again
      }
      timer.cancel();
    }
    timerDeadline = deadline;
    timer = protocol.context().runAfter(Duration.ofNanos(delay), this::runScheduledTasks);
  }

  private void runScheduledTasks() {
    timer = null;
    protocol.run(
        () -> {
          long now = ticker().nanoTime();
          Runnable due;
          for (int n = 0; n < MAX_TASKS && (due = pollScheduledTask(now)) != null; n++) {
            run(due);
          }
        });
  }

  /** Runs the remaining immediate tasks and cancels the scheduled ones. */
  void end() {
    ended = true;
    cancelScheduledTasks();
    if (timer != null) {
      timer.cancel();
    }
    runTasks();
    tasks.clear();
  }

  @Override
  public boolean inEventLoop(Thread candidate) {
    return candidate == thread;
  }

  @Override
  public EventLoop next() {
    return this;
  }

  @Override
  public @Nullable EventLoopGroup parent() {
    return null;
  }

  @Override
  public ChannelFuture register(Channel channel) {
    return register(new DefaultChannelPromise(channel, this));
  }

  @Override
  public ChannelFuture register(ChannelPromise promise) {
    promise.channel().unsafe().register(this, promise);
    return promise;
  }

  @Override
  @Deprecated
  public ChannelFuture register(Channel channel, ChannelPromise promise) {
    channel.unsafe().register(this, promise);
    return promise;
  }

  // The lifetime is that of the connection.

  @Override
  @Deprecated
  public void shutdown() {
    throw new UnsupportedOperationException("cannot shut down the event loop of a connection");
  }

  @Override
  public Future<?> shutdownGracefully(long quietPeriod, long timeout, TimeUnit unit) {
    throw new UnsupportedOperationException("cannot shut down the event loop of a connection");
  }

  @Override
  public Future<?> terminationFuture() {
    throw new UnsupportedOperationException(
        "the event loop of a connection has no termination future");
  }

  @Override
  public boolean isShuttingDown() {
    return false;
  }

  @Override
  public boolean isShutdown() {
    return false;
  }

  @Override
  public boolean isTerminated() {
    return false;
  }

  @Override
  public boolean awaitTermination(long timeout, TimeUnit unit) {
    return false;
  }
}
