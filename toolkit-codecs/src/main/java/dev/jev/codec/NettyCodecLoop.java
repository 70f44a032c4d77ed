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
 * What handlers of one connection know as their event loop: runs their tasks on the connection's
 * own, and the later ones by one timer of its wire.
 *
 * <p>Event loop only, except {@link #execute} and what schedules tasks.
 */
final class NettyCodecLoop extends AbstractScheduledEventExecutor implements EventLoop {

  /** After so many tasks the rest of the loop gets its turn. */
  private static final int MAX_TASKS = 256;

  private final NettyCodecProtocol<?> protocol;
  private final Thread thread = Thread.currentThread();
  private final ArrayDeque<Runnable> tasks = new ArrayDeque<>(2);

  private @Nullable ScheduledTask timer;
  private long timerDeadline; // if there is a timer
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

  /** Runs what is to be run at once. */
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

  /** Makes sure that the next of the later tasks is run in its time. */
  void arm() {
    long delay = ended ? -1 : nextScheduledTaskNano();
    if (delay < 0) {
      return;
    }
    long deadline = ticker().nanoTime() + delay;
    if (timer != null) {
      if (timerDeadline - deadline <= 0) {
        return; // it finds out itself
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
          for (Runnable due; (due = pollScheduledTask(now)) != null; ) {
            run(due);
          }
        });
  }

  /** Runs the last tasks and forgets the later ones. */
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

  // It lives as long as the connection.

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
