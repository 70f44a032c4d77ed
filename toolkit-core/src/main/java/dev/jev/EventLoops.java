package dev.jev;

import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.netty.channel.EventLoop;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoEventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SingleThreadIoEventLoop;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.RejectedExecutionHandlers;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A group of event loops, with one thread each, that several servers and clients can share.
 *
 * <p>A server or client that is not given event loops creates its own, and ends them when it stops.
 * Shared event loops belong to the caller that created them, and run until {@link #close}.
 *
 * <p>An event loop that is blocked for longer than {@code blockedLoopThreshold} is logged with its
 * stack trace. One that gets no processor time for as long is not blocked: this is logged without a
 * stack trace, at most once per minute. If the thread of an event loop dies, all servers and
 * clients of the group stop.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public final class EventLoops implements AutoCloseable {

  /** Maximum time for the shutdown of the event loops, which should be immediate. */
  private static final long SHUTDOWN_NANOS = TimeUnit.SECONDS.toNanos(5);

  /**
   * Maximum time for tasks, and those that they submit, before a loop looks for input again: the
   * least that Netty accepts. Its default of one second lets one connection starve the others.
   */
  private static final long MAX_TASK_MILLIS = 1;

  private final Transport transport;
  private final MultiThreadIoEventLoopGroup group;
  private final List<Thread> threads = new CopyOnWriteArrayList<>();
  private final List<Loop> loops = new ArrayList<>();
  private final List<EventLoopsUser> users = new CopyOnWriteArrayList<>();
  private final LoopWatchdog watchdog;
  private final AtomicInteger nextIndex = new AtomicInteger();
  private volatile boolean closing;

  private EventLoops(Builder builder) {
    this.transport = builder.transport.resolve();
    if (transport == Transport.NIO && builder.transport == Transport.AUTO) {
      logFallback();
    }
    ThreadFactory factory = threads(builder.name);
    this.group =
        new LoopGroup(
            builder.count,
            task -> {
              Thread thread = factory.newThread(task);
              threads.add(thread);
              return thread;
            },
            transport.newIoHandlerFactory());
    for (EventExecutor executor : group) {
      Loop loop = new Loop((EventLoop) executor);
      executor.terminationFuture().addListener(ended -> loopEnded(ended.cause()));
      loops.add(loop);
    }
    this.watchdog = new LoopWatchdog(loops, users, builder.blockedLoopThreshold.toNanos());
    watchdog.start();
  }

  private static ThreadFactory threads(@Nullable String name) {
    if (name == null) {
      return new DefaultThreadFactory("jev-loop");
    }
    AtomicInteger count = new AtomicInteger();
    return new DefaultThreadFactory("jev-" + name) {
      @Override
      protected Thread newThread(Runnable task, String numbered) {
        return super.newThread(task, "jev-" + name + "-" + count.incrementAndGet());
      }
    };
  }

  private static void logFallback() {
    Throwable cause = Transport.nativeOfPlatform().unavailabilityCause();
    if (cause != null) {
      String reason =
          Transport.nativeOfPlatform() + " is not available: " + Transport.reason(cause);
      RateLimitedLog.write(Level.WARNING, "transport: NIO, because " + reason, null);
    }
  }

  /** Returns a new builder. */
  public static Builder builder() {
    return new Builder();
  }

  /** Returns the transport in use; never {@link Transport#AUTO}. */
  public Transport transport() {
    return transport;
  }

  /** Returns the number of event loops. */
  public int count() {
    return loops.size();
  }

  /** Returns the number of tasks that wait in the queues of the event loops. */
  public int pendingTasks() {
    return loops.stream().mapToInt(Loop::pendingTasks).sum();
  }

  /**
   * Stops the servers and clients that still use these event loops, without a grace period, and
   * ends the threads. Waits until both have ended, or returns immediately if called on an event
   * loop.
   */
  @Override
  public void close() {
    if (Loop.current() != null) {
      new Thread(() -> end(Duration.ZERO), "jev-stop").start();
    } else {
      end(Duration.ZERO);
    }
  }

  List<Loop> loops() {
    return loops;
  }

  /** Returns the next loop, round-robin. */
  Loop next() {
    return loops.get(Math.floorMod(nextIndex.getAndIncrement(), loops.size()));
  }

  /** Returns the loop of the calling thread if it belongs to this group, or else the next one. */
  Loop currentOrNext() {
    Loop current = Loop.current();
    return current != null && loops.contains(current) ? current : next();
  }

  boolean isOnLoop() {
    Loop current = Loop.current();
    return current != null && loops.contains(current);
  }

  synchronized void add(EventLoopsUser user) {
    requireOpen(/* failure= */ null);
    users.add(user);
  }

  /**
   * Checks that the event loops are not closed.
   *
   * @param failure a failure that would come from that, or null
   */
  void requireOpen(@Nullable Throwable failure) {
    if (closing) {
      throw new IllegalStateException("event loops are closed; create new ones", failure);
    }
  }

  /** Refuses further users. */
  private synchronized void refuseUsers() {
    closing = true;
  }

  void remove(EventLoopsUser user) {
    users.remove(user);
  }

  /** Stops the remaining users, ends the threads, and waits until both have ended. */
  void end(Duration grace) {
    refuseUsers();
    users.forEach(user -> user.stop(grace));
    users.forEach(EventLoopsUser::awaitUninterruptibly);
    group.shutdownGracefully(0, SHUTDOWN_NANOS, NANOSECONDS);
    group.terminationFuture().awaitUninterruptibly(SHUTDOWN_NANOS, NANOSECONDS);
    join(watchdog.stop());
    threads.forEach(EventLoops::join);
  }

  private static void join(Thread thread) {
    try {
      thread.join(TimeUnit.SECONDS.toMillis(1));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (thread.isAlive()) {
      Throwable stack = new Throwable("stack of the thread");
      stack.setStackTrace(thread.getStackTrace());
      RateLimitedLog.write(Level.ERROR, "thread " + thread.getName() + " did not end", stack);
    }
  }

  private void loopEnded(@Nullable Throwable cause) {
    if (closing) {
      return;
    }
    Throwable failure =
        cause != null ? cause : new IllegalStateException("the event loop was shut down");
    users.forEach(user -> user.loopDied(failure));
  }

  /** A builder of {@link EventLoops}. */
  public static final class Builder {

    private Transport transport = Transport.AUTO;
    private int count = Runtime.getRuntime().availableProcessors();
    private Duration blockedLoopThreshold = Duration.ofMillis(500);
    private @Nullable String name;

    private Builder() {}

    Transport transport() {
      return transport;
    }

    /** Sets the transport; {@link Transport#AUTO} by default. */
    public Builder transport(Transport transport) {
      this.transport = requireNonNull(transport, "transport");
      return this;
    }

    /** Sets the number of event loops, which is the number of processors by default. */
    public Builder count(int count) {
      this.count = Checks.inRange("eventLoops", count, 1, 1024);
      return this;
    }

    /**
     * Sets the name of the threads, as logs, profilers and the lags of {@link
     * dev.jev.plugin.Diagnostics} show it: {@code jev-prices-1}, {@code jev-prices-2} and so on for
     * {@code prices}. By default they are {@code jev-loop-1-1} and so on, where the first number is
     * that of the group.
     *
     * @throws IllegalArgumentException if {@code name} is blank
     */
    public Builder name(String name) {
      this.name = Checks.notBlank("name", name);
      return this;
    }

    /** Sets the time after which a blocked event loop is reported; 500 ms by default. */
    public Builder blockedLoopThreshold(Duration blockedLoopThreshold) {
      this.blockedLoopThreshold = Checks.positive("blockedLoopThreshold", blockedLoopThreshold);
      return this;
    }

    /**
     * Starts the event loops.
     *
     * @throws IllegalStateException if the transport is not available, or if the artifacts of Netty
     *     on the class path have several versions or one before 4.2.2
     */
    public EventLoops start() {
      NettyArtifacts.check();
      return new EventLoops(this);
    }
  }

  /** A group of event loops that look for input at least every {@link #MAX_TASK_MILLIS}. */
  private static final class LoopGroup extends MultiThreadIoEventLoopGroup {

    LoopGroup(int count, ThreadFactory threads, IoHandlerFactory io) {
      super(count, threads, io);
    }

    @Override
    protected IoEventLoop newChild(Executor executor, IoHandlerFactory io, Object... args) {
      return new LoopExecutor(this, executor, io);
    }
  }

  /**
   * A Netty event loop, which ends its {@link Loop} when it shuts down.
   *
   * <p>Netty's shutdown hooks do not suffice: it skips them each time that it had tasks to run.
   */
  private static final class LoopExecutor extends SingleThreadIoEventLoop {

    LoopExecutor(IoEventLoopGroup group, Executor executor, IoHandlerFactory io) {
      super(
          group,
          executor,
          io,
          Integer.MAX_VALUE,
          RejectedExecutionHandlers.reject(),
          MAX_TASK_MILLIS);
    }

    @Override
    protected boolean confirmShutdown() {
      boolean confirmed = super.confirmShutdown();
      Loop loop = confirmed ? Loop.current() : null;
      if (loop != null) { // null if it has ended
        try {
          loop.end();
        } catch (Throwable t) {
          RateLimitedLog.write(Level.ERROR, "the end of an event loop failed", t);
        }
      }
      return confirmed;
    }
  }
}
