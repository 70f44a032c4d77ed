package dev.jev;

import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.SingleThreadEventExecutor;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Event loops, of one thread each, that several servers and clients can share.
 *
 * <p>A server or client that is given none makes its own, and ends them when it stops. These here
 * belong to whoever made them and run until {@link #close}.
 *
 * <p>An event loop that does not come round for long is reported in the log with its stack. If the
 * thread of one dies, all servers and clients on these event loops stop.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public final class EventLoops implements AutoCloseable {

  /** How long closing waits for what should happen at once, before it reports that it did not. */
  private static final long STUCK_NANOS = TimeUnit.SECONDS.toNanos(5);

  private final Transport transport;
  private final MultiThreadIoEventLoopGroup group;
  private final List<Thread> threads = new CopyOnWriteArrayList<>();
  private final List<Loop> loops = new ArrayList<>();
  private final List<EventLoopsUser> users = new CopyOnWriteArrayList<>();
  private final LoopWatchdog watchdog;
  private final AtomicInteger turn = new AtomicInteger();
  private volatile boolean closing;

  private EventLoops(Builder builder) {
    this.transport = builder.transport.resolve();
    if (transport == Transport.NIO && builder.transport == Transport.AUTO) {
      logFallback();
    }
    ThreadFactory factory = new DefaultThreadFactory("jev-loop");
    this.group =
        new MultiThreadIoEventLoopGroup(
            builder.count,
            task -> {
              Thread thread = factory.newThread(task);
              threads.add(thread);
              return thread;
            },
            transport.newIoHandlerFactory());
    for (EventExecutor executor : group) {
      Loop loop = new Loop((EventLoop) executor);
      ((SingleThreadEventExecutor) executor).addShutdownHook(loop::end);
      executor.terminationFuture().addListener(ended -> loopEnded(ended.cause()));
      loops.add(loop);
    }
    this.watchdog = new LoopWatchdog(loops, users, builder.blockedLoopThreshold.toNanos());
    watchdog.start();
  }

  private static void logFallback() {
    Throwable cause = Transport.nativeOfPlatform().unavailabilityCause();
    if (cause != null) {
      String why = Transport.nativeOfPlatform() + " is not available: " + Transport.reason(cause);
      RateLimitedLog.write(Level.WARNING, "transport: NIO, because " + why, null);
    }
  }

  /** Begins the configuration of event loops. */
  public static Builder builder() {
    return new Builder();
  }

  /** The transport in use; never {@link Transport#AUTO}. */
  public Transport transport() {
    return transport;
  }

  /** How many event loops there are. */
  public int count() {
    return loops.size();
  }

  /**
   * Stops the servers and clients that still use these event loops, without a grace, and ends the
   * threads; waits for all that, unless called on one of the event loops.
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

  /** The loop that is next in turn for what may be on any. */
  Loop next() {
    return loops.get(Math.floorMod(turn.getAndIncrement(), loops.size()));
  }

  /** The loop that this is called on, or else the next one. */
  Loop currentOrNext() {
    Loop current = Loop.current();
    return current != null && loops.contains(current) ? current : next();
  }

  boolean isOnLoop() {
    Loop current = Loop.current();
    return current != null && loops.contains(current);
  }

  synchronized void add(EventLoopsUser user) {
    if (closing) {
      throw new IllegalStateException("event loops are closed; make new ones");
    }
    users.add(user);
  }

  /** From now on nobody joins the users. */
  private synchronized void closeToUsers() {
    closing = true;
  }

  void remove(EventLoopsUser user) {
    users.remove(user);
  }

  /** Stops who still uses the loops, ends the threads, and waits for all that. */
  void end(Duration grace) {
    closeToUsers();
    users.forEach(user -> user.stop(grace));
    users.forEach(EventLoopsUser::awaitUninterruptibly);
    group.shutdownGracefully(0, STUCK_NANOS, NANOSECONDS);
    group.terminationFuture().awaitUninterruptibly(STUCK_NANOS, NANOSECONDS);
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
      Throwable stack = new Throwable("its stack");
      stack.setStackTrace(thread.getStackTrace());
      RateLimitedLog.write(Level.ERROR, "thread " + thread.getName() + " does not end", stack);
    }
  }

  private void loopEnded(@Nullable Throwable cause) {
    if (closing) {
      return;
    }
    Throwable death =
        cause != null ? cause : new IllegalStateException("its executor was shut down");
    users.forEach(user -> user.loopDied(death));
  }

  /** The configuration of {@link EventLoops}. */
  public static final class Builder {

    private Transport transport = Transport.AUTO;
    private int count = Runtime.getRuntime().availableProcessors();
    private Duration blockedLoopThreshold = Duration.ofMillis(500);

    private Builder() {}

    Transport transport() {
      return transport;
    }

    /** How bytes are moved; {@link Transport#AUTO} by default. */
    public Builder transport(Transport transport) {
      this.transport = requireNonNull(transport, "transport");
      return this;
    }

    /** How many event loops; by default as many as processors. */
    public Builder count(int count) {
      this.count = Checks.inRange("eventLoops", count, 1, 1024);
      return this;
    }

    /** After how long an event loop that does not come round is reported; 500 ms by default. */
    public Builder blockedLoopThreshold(Duration blockedLoopThreshold) {
      this.blockedLoopThreshold = Checks.positive("blockedLoopThreshold", blockedLoopThreshold);
      return this;
    }

    /**
     * Starts the event loops.
     *
     * @throws IllegalStateException if the transport is not available
     */
    public EventLoops start() {
      return new EventLoops(this);
    }
  }
}
