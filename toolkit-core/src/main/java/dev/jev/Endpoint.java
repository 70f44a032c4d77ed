package dev.jev;

import static java.util.Comparator.comparing;

import dev.jev.CloseReason.Kind;
import java.lang.System.Logger.Level;
import java.net.SocketAddress;
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
 * The common part of a server and a client: event loops, plugins, timers, connection counts, and
 * the stop.
 */
final class Endpoint implements ConnectionHost, EventLoopsUser, Scheduler {

  /** Maximum time for a step that should be immediate; also the grace after a loop has died. */
  private static final long STUCK_NANOS = TimeUnit.SECONDS.toNanos(5);

  /** The server or client, which opens the connections. */
  interface Owner extends ConnectionHost.Events {

    /** Returns the server or client, as plugins see it. */
    PluginHost pluginHost();

    /** Stops opening connections, and waits until it has. Called by the stopping thread. */
    void closeSockets();

    /** Called by the stopping thread when all connections are closed and all timers cancelled. */
    default void closed() {}
  }

  private final String kind;
  private final String name;
  private final EventLoops eventLoops;
  private final boolean ownsLoops;
  private final List<Plugin> plugins;
  private final Owner owner;
  private final AtomicInteger open = new AtomicInteger(); // open connections
  private final AtomicInteger unfinished = new AtomicInteger(); // before their last callback
  private final LoopTimers timers = new LoopTimers();
  private final Thread stopThread = new Thread(this::runStop, "jev-stop");
  private final CountDownLatch stopped = new CountDownLatch(1);

  // Guarded by this.
  private boolean stopBegun;
  private List<Plugin> started = List.of(); // plugins to be stopped

  // Volatile: read by any thread.
  private volatile boolean stopping;
  private volatile long graceEnd;
  private volatile @Nullable Throwable loopFailure;

  /**
   * Creates the endpoint.
   *
   * @param kind "server" or "client"
   * @param name the configured name
   */
  Endpoint(
      String kind,
      String name,
      EventLoops eventLoops,
      boolean ownsLoops,
      List<Plugin> plugins,
      Owner owner) {
    this.kind = kind;
    this.name = name;
    this.eventLoops = eventLoops;
    this.ownsLoops = ownsLoops;
    this.plugins = plugins.stream().sorted(comparing(Plugin::stage)).toList();
    this.owner = owner;
  }

  /** Joins the users of the event loops, which may stop it from now on. */
  void join() {
    eventLoops.add(this);
  }

  String name() {
    return name;
  }

  EventLoops eventLoops() {
    return eventLoops;
  }

  Connections connections() {
    return new EndpointConnections(this);
  }

  @Override
  public Transport transport() {
    return eventLoops.transport();
  }

  @Override
  public Events events() {
    return owner;
  }

  @Override
  public PluginHost pluginHost() {
    return owner.pluginHost();
  }

  @Override
  public List<Plugin> plugins() {
    return plugins;
  }

  /**
   * Starts the plugins in the order of their stages. If one throws, the remaining ones are not
   * started, but the stop calls {@link Plugin#stop} of all.
   *
   * @throws IllegalStateException if the stop has begun, which may have passed the plugins already
   */
  void startPlugins() {
    synchronized (this) {
      if (stopBegun) {
        throw new IllegalStateException("the " + kind + " was stopped while it started");
      }
      started = plugins;
    }
    plugins.forEach(plugin -> plugin.start(owner.pluginHost()));
  }

  private void stopPlugins() {
    List<Plugin> toStop;
    synchronized (this) {
      toStop = started;
      started = List.of();
    }
    forEach(toStop, plugin -> plugin.stop(owner.pluginHost()));
  }

  /** Calls {@code action} with each plugin, and logs exceptions. */
  void forEachPlugin(Consumer<Plugin> action) {
    forEach(plugins, action);
  }

  private static void forEach(List<Plugin> plugins, Consumer<Plugin> action) {
    for (Plugin plugin : plugins) {
      try {
        action.accept(plugin);
      } catch (Throwable t) {
        RateLimitedLog.write(Level.WARNING, "plugin failed: " + plugin.getClass().getName(), t);
      }
    }
  }

  // Connections.

  @Override
  public boolean admit(int max) {
    if (open.incrementAndGet() > max) {
      unadmit();
      return false;
    }
    unfinished.incrementAndGet();
    return true;
  }

  @Override
  public void unadmit() {
    open.decrementAndGet();
  }

  @Override
  public void forget() {
    if (unfinished.decrementAndGet() == 0 && stopping) {
      LockSupport.unpark(stopThread);
    }
  }

  int connectionCount() {
    return open.get();
  }

  /** Returns what the first plugin that counts has counted. */
  ServerStats stats() {
    for (Plugin plugin : plugins) {
      if (plugin instanceof ServerStats.Source source) {
        return source.stats(pluginHost());
      }
    }
    throw new IllegalStateException(
        "stats: no plugin counts (expected: Diagnostics among the plugins)");
  }

  @Override
  public boolean isStopping() {
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
      RateLimitedLog.write(Level.WARNING, "task failed; its timer is cancelled", t);
      return false;
    }
  }

  // Stopping.

  @Override
  public void stop(Duration grace) {
    long end = System.nanoTime() + Checks.notNegative("grace", grace).toNanos();
    synchronized (this) {
      if (stopBegun) {
        graceEnd = Math.min(graceEnd - end, 0) + end;
        LockSupport.unpark(stopThread);
      } else {
        graceEnd = end;
        stopThread.start(); // fails if no thread can be created; the stop can be tried again
        stopBegun = true;
      }
    }
  }

  @Override
  public void loopLagged(Thread loop, Duration lag) {
    forEachPlugin(plugin -> plugin.loopLagged(pluginHost(), loop, lag));
  }

  @Override
  public void loopBlocked(Thread loop, Duration time) {
    forEachPlugin(plugin -> plugin.loopBlocked(pluginHost(), loop, time));
  }

  @Override
  public void loopDied(Throwable cause) {
    synchronized (this) {
      if (stopBegun) {
        return;
      }
      loopFailure = cause;
    }
    RateLimitedLog.write(Level.ERROR, "an event loop died; the " + kind + " stops", cause);
    stop(Duration.ofNanos(STUCK_NANOS));
  }

  /** Waits until the endpoint has stopped; see {@link Server#awaitStop}. */
  void awaitStop() throws InterruptedException {
    if (Thread.currentThread() == stopThread) {
      throw new IllegalStateException(
          "awaitStop called from the thread that stops the " + kind + "; it would wait for itself");
    }
    if (eventLoops.isOnLoop()) {
      throw new IllegalStateException("awaitStop called on an event loop; it would block the loop");
    }
    stopped.await();
    stopThread.join();
    requireLiveLoops();
  }

  private void requireLiveLoops() {
    if (loopFailure != null) {
      throw new IllegalStateException(
          kind + " stopped because an event loop died: " + loopFailure, loopFailure);
    }
  }

  /**
   * Checks that a failure of the start does not come from the event loops.
   *
   * @throws IllegalStateException if shared event loops were closed meanwhile, or one has died
   */
  void requireLoops(Throwable failure) {
    requireLiveLoops();
    if (!ownsLoops) {
      eventLoops.requireOpen(failure);
    }
  }

  @Override
  public void awaitUninterruptibly() {
    if (Thread.currentThread() == stopThread) {
      return; // called by a plugin or a callback of the stop, which must not wait for itself
    }
    boolean interrupted = false;
    while (true) {
      try {
        stopped.await();
        stopThread.join();
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
      RateLimitedLog.write(Level.ERROR, "the " + kind + " failed to stop", t);
    } finally {
      stopped.countDown();
    }
  }

  private void stopAll() {
    owner.closeSockets();
    timers.end();
    stopping = true;
    CloseReason reason = CloseReason.of(Kind.SERVER_STOPPED);
    onEachConnection(connection -> connection.stop(reason));
    awaitEmpty(() -> graceEnd);
    onEachConnection(connection -> connection.abort(reason));
    long stuck = System.nanoTime() + STUCK_NANOS;
    awaitEmpty(() -> stuck);
    stopPlugins();
    owner.closed();
    eventLoops.remove(this);
    if (ownsLoops) {
      eventLoops.end(Duration.ofNanos(Math.max(graceEnd - System.nanoTime(), 0)));
    }
  }

  private void awaitEmpty(LongSupplier end) {
    for (long left; (left = end.getAsLong() - System.nanoTime()) > 0; ) {
      if (unfinished.get() == 0 || eventLoops.loops().stream().allMatch(Loop::hasEnded)) {
        return;
      }
      LockSupport.parkNanos(this, left);
    }
  }

  private void onEachConnection(Consumer<LoopMember> action) {
    for (Loop loop : eventLoops.loops()) {
      try {
        loop.executor().execute(() -> loop.forEach(member -> applyIfOwn(member, action)));
      } catch (RejectedExecutionException e) {
        // The event loop has ended, and its connections with it.
      }
    }
  }

  private void applyIfOwn(LoopMember member, Consumer<LoopMember> action) {
    if (member.host() == this) {
      action.accept(member);
    }
  }

  /**
   * Returns the client as its plugins see it.
   *
   * @param addresses the addresses as they were configured
   * @param stopConnecting ends the attempts to connect
   */
  PluginHost clientHost(List<String> addresses, Runnable stopConnecting) {
    return new PluginHost() {

      @Override
      public String name() {
        return name;
      }

      @Override
      public List<SocketAddress> addresses() {
        return List.of();
      }

      @Override
      public List<String> configuredAddresses() {
        return addresses;
      }

      @Override
      public int connectionCount() {
        return Endpoint.this.connectionCount();
      }

      @Override
      public Connections connections() {
        return Endpoint.this.connections();
      }

      @Override
      public int pendingTasks() {
        return eventLoops.pendingTasks();
      }

      @Override
      public void pauseAccepting(Object owner) {}

      @Override
      public void resumeAccepting(Object owner) {}

      @Override
      public boolean isAcceptingPaused() {
        return false;
      }

      @Override
      public void stopAccepting() {
        stopConnecting.run();
      }

      @Override
      public void stop(Duration grace) {
        Endpoint.this.stop(grace);
      }

      @Override
      public void awaitStop() throws InterruptedException {
        Endpoint.this.awaitStop();
      }

      @Override
      public ScheduledTask runAfter(Duration delay, Runnable task) {
        return Endpoint.this.runAfter(delay, task);
      }

      @Override
      public ScheduledTask runEvery(Duration period, Runnable task) {
        return Endpoint.this.runEvery(period, task);
      }

      @Override
      public ScheduledTask runTicker(Supplier<Duration> ticker) {
        return Endpoint.this.runTicker(ticker);
      }
    };
  }
}
