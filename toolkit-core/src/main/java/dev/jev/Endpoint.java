package dev.jev;

import static java.util.Comparator.comparing;

import dev.jev.CloseReason.Kind;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What a server or a client is besides the sockets that it opens: its event loops, plugins and
 * timers, a count of its connections, and the end of them all.
 */
final class Endpoint implements Scheduler {

  /** How long stop waits for what should happen at once, before it reports that it did not. */
  private static final long STUCK_NANOS = TimeUnit.SECONDS.toNanos(5);

  /** Opens no connections any more, and takes part in the stop; on the stopping thread. */
  interface Owner {

    /** Stops opening connections; waits for that. */
    void closeSockets();

    /** Does what is left to do when no connection is open and no timer runs. */
    void closed();

    /** The server that this is, or null. */
    default @Nullable Server server() {
      return null;
    }

    /** A connection's {@code onConnect} is about to be called; on its event loop, as the others. */
    default void connecting() {}

    /** A connection's {@code onConnect} was called. */
    default void connected() {}

    /** A connection is writable again. */
    default void writable() {}

    /** A connection is closed, and everybody was told. */
    default void disconnected(CloseReason reason) {}

    /** A connection's channel was handed over to somebody else. */
    default void detached() {}
  }

  private final String name;
  private final EventLoops eventLoops;
  private final boolean ownsLoops;
  private final List<Plugin> plugins;
  private final Owner owner;
  private final AtomicInteger open = new AtomicInteger(); // connections
  private final AtomicInteger known = new AtomicInteger(); // and those that are being closed
  private final LoopTimers timers = new LoopTimers();
  private final Thread stopper = new Thread(this::runStop, "jev-stop");
  private final CountDownLatch stopped = new CountDownLatch(1);

  // Guarded by this.
  private boolean stopBegun;

  // Volatile: read by any thread.
  private volatile boolean stopping;
  private volatile long graceEnd;
  private volatile @Nullable Throwable death;

  Endpoint(
      String name, EventLoops eventLoops, boolean ownsLoops, List<Plugin> plugins, Owner owner) {
    this.name = name;
    this.eventLoops = eventLoops;
    this.ownsLoops = ownsLoops;
    this.plugins = plugins.stream().sorted(comparing(Plugin::stage)).toList();
    this.owner = owner;
  }

  /** Joins the users of the event loops; from now on it may be stopped with them. */
  void join() {
    eventLoops.add(this);
  }

  EventLoops eventLoops() {
    return eventLoops;
  }

  /** Who opens the connections. */
  Owner owner() {
    return owner;
  }

  /** In the order of their stages. */
  List<Plugin> plugins() {
    return plugins;
  }

  /** Calls {@code action} with each plugin; what one throws is logged. */
  void tellPlugins(Consumer<Plugin> action) {
    for (Plugin plugin : plugins) {
      try {
        action.accept(plugin);
      } catch (Throwable t) {
        RateLimitedLog.write(Level.WARNING, "plugin failed: " + plugin.getClass().getName(), t);
      }
    }
  }

  // Connections.

  /** Counts a connection, unless there are {@code max} already. */
  boolean admit(int max) {
    if (open.incrementAndGet() > max) {
      unadmit();
      return false;
    }
    known.incrementAndGet();
    return true;
  }

  /** A connection is closed. */
  void unadmit() {
    open.decrementAndGet();
  }

  /** Everybody has been told of a connection's close: nothing is left of it. */
  void forget() {
    if (known.decrementAndGet() == 0 && stopping) {
      LockSupport.unpark(stopper);
    }
  }

  int connectionCount() {
    return open.get();
  }

  /** Whether connections that come now are too late. */
  boolean isStopping() {
    return stopping;
  }

  // Timers.

  @Override
  public ScheduledTask runAfter(Duration delay, Runnable task) {
    return timers.runAfter(eventLoops.next(), delay, task, this::run);
  }

  @Override
  public ScheduledTask runEvery(Duration period, Runnable task) {
    return timers.runEvery(eventLoops.next(), period, task, this::run);
  }

  @Override
  public ScheduledTask runTicker(Supplier<Duration> ticker) {
    return timers.runTicker(eventLoops.next(), ticker, this::run);
  }

  private boolean run(Runnable task) {
    try {
      task.run();
      return true;
    } catch (Throwable t) {
      RateLimitedLog.write(Level.WARNING, "task failed, its timer ends", t);
      return false;
    }
  }

  // Stopping.

  void stop(Duration grace) {
    long end = System.nanoTime() + Checks.notNegative("grace", grace).toNanos();
    synchronized (this) {
      if (stopBegun) {
        graceEnd = Math.min(graceEnd - end, 0) + end;
        LockSupport.unpark(stopper);
      } else {
        stopBegun = true;
        graceEnd = end;
        stopper.start();
      }
    }
  }

  void loopDied(Throwable cause) {
    synchronized (this) {
      if (stopBegun) {
        return;
      }
      death = cause;
    }
    RateLimitedLog.write(Level.ERROR, "an event loop died; the " + name + " stops", cause);
    stop(Duration.ofNanos(STUCK_NANOS));
  }

  /** Waits for the end of the stop; see {@link Server#awaitStop}. */
  void awaitStop() throws InterruptedException {
    if (Thread.currentThread() == stopper) {
      throw new IllegalStateException("awaitStop called by what the stop waits for");
    }
    if (eventLoops.isOnLoop()) {
      throw new IllegalStateException("awaitStop called on an event loop, which it would block");
    }
    stopped.await();
    stopper.join();
    if (death != null) {
      throw new IllegalStateException(
          name + " stopped because an event loop died: " + death, death);
    }
  }

  void awaitUninterruptibly() {
    if (Thread.currentThread() == stopper) {
      return; // a plugin, or whoever waits for a client, is told by the thread that stops
    }
    boolean interrupted = false;
    while (true) {
      try {
        stopped.await();
        stopper.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void runStop() {
    try {
      stopAll();
    } catch (Throwable t) {
      RateLimitedLog.write(Level.ERROR, name + " did not stop as it should", t);
    } finally {
      stopped.countDown();
    }
  }

  private void stopAll() {
    owner.closeSockets();
    timers.end();
    stopping = true;
    CloseReason reason = CloseReason.of(Kind.SERVER_STOPPED);
    onEachConnection(connection -> connection.lifecycle().startClose(reason));
    awaitEmpty(() -> graceEnd);
    onEachConnection(connection -> connection.lifecycle().abort(reason));
    long stuck = System.nanoTime() + STUCK_NANOS;
    awaitEmpty(() -> stuck);
    owner.closed();
    eventLoops.remove(this);
    if (ownsLoops) {
      eventLoops.end(Duration.ofNanos(Math.max(graceEnd - System.nanoTime(), 0)));
    }
  }

  private void awaitEmpty(LongSupplier end) {
    for (long left; (left = end.getAsLong() - System.nanoTime()) > 0; ) {
      if (known.get() == 0 || eventLoops.loops().stream().allMatch(Loop::hasEnded)) {
        return;
      }
      LockSupport.parkNanos(this, left);
    }
  }

  private void onEachConnection(Consumer<StreamConnection<?, ?>> action) {
    for (Loop loop : eventLoops.loops()) {
      try {
        loop.executor().execute(() -> loop.forEach(c -> onOwn(c, action)));
      } catch (RejectedExecutionException e) {
        // It has died, and its connections with it.
      }
    }
  }

  private void onOwn(StreamConnection<?, ?> connection, Consumer<StreamConnection<?, ?>> action) {
    if (connection.config().endpoint() == this) {
      action.accept(connection);
    }
  }
}
