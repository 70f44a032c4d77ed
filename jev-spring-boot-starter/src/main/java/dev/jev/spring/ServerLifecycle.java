package dev.jev.spring;

import dev.jev.Server;
import dev.jev.plugin.Drain;
import dev.jev.spring.JevServers.Entry;
import dev.jev.spring.JevServers.RunState;
import java.io.UncheckedIOException;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.springframework.boot.availability.AvailabilityChangeEvent;
import org.springframework.boot.availability.ReadinessState;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.SmartLifecycle;

/**
 * Starts all servers after the web server, and stops them at the same time as it.
 *
 * <p>With {@code server.shutdown=graceful}, the default, the servers drain within the time that the
 * application has for a phase of its shutdown; with {@code immediate} they close all connections at
 * once.
 */
final class ServerLifecycle implements SmartLifecycle {

  /** The phase in which Spring Boot's web servers shut down gracefully. */
  static final int PHASE = SmartLifecycle.DEFAULT_PHASE - 1024;

  private static final System.Logger LOGGER = System.getLogger("dev.jev");

  private record Configured(Server.Builder<?, ?> builder, RunState state) {}

  private final ConfigurableApplicationContext context;
  private final Supplier<Map<String, Server.Builder<?, ?>>> configuration;
  private final Supplier<Drain> drains;
  private final JevServers servers;
  private final CurrentDrain drain;

  // Guarded by this.
  private final Map<String, Configured> configured = new LinkedHashMap<>();
  private boolean notReady;

  private volatile boolean running;

  /**
   * Creates a lifecycle.
   *
   * @param configuration returns the configured builders by name; called at the first start
   * @param drains returns a new drain for each start
   */
  ServerLifecycle(
      ConfigurableApplicationContext context,
      Supplier<Map<String, Server.Builder<?, ?>>> configuration,
      Supplier<Drain> drains,
      JevServers servers) {
    this.context = context;
    this.configuration = configuration;
    this.drains = drains;
    this.servers = servers;
    this.drain = new CurrentDrain(drains.get());
  }

  @Override
  public int getPhase() {
    return PHASE;
  }

  /** Returns false: like web servers, servers are not stopped while a test's context is unused. */
  @Override
  public boolean isPauseable() {
    return false;
  }

  @Override
  public boolean isRunning() {
    return running;
  }

  @Override
  public synchronized void start() {
    if (running) {
      return;
    }
    if (configured.isEmpty()) {
      configuration.get().forEach((name, builder) -> configured.put(name, configure(builder)));
    } else {
      drain.replace(drains.get());
    }
    Map<String, Entry> started = new LinkedHashMap<>();
    try {
      configured.forEach((name, server) -> started.put(name, start(name, server)));
    } catch (RuntimeException e) {
      started.values().forEach(entry -> entry.server().close());
      throw e;
    }
    servers.set(started);
    running = true;
    if (notReady) {
      notReady = false;
      AvailabilityChangeEvent.publish(context, ReadinessState.ACCEPTING_TRAFFIC);
    }
  }

  private Configured configure(Server.Builder<?, ?> builder) {
    RunState state = new RunState();
    builder.plugin(state).plugin(drain);
    return new Configured(builder, state);
  }

  private static Entry start(String name, Configured server) {
    try {
      Server started = server.builder().start();
      LOGGER.log(
          Level.INFO,
          "server {0} listens on {1}, with {2}",
          name,
          started.addresses(),
          started.transport());
      return new Entry(started, server.state());
    } catch (UncheckedIOException e) {
      throw failure(name, e, whenNotBound(e));
    } catch (IllegalArgumentException | IllegalStateException e) {
      throw failure(
          name,
          e,
          "Set jev.server.%1$s.listen, such as tcp://:5000, if it has no address; else correct the"
              + " properties jev.server.%1$s.* or the bean.");
    }
  }

  private static String whenNotBound(UncheckedIOException e) {
    boolean inUse = String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT).contains("in use");
    return inUse
        ? "Stop the process that listens there, or set jev.server.%s.listen to another address."
        : "Set jev.server.%s.listen to an address of this machine that the process may use.";
  }

  private static StartException failure(String name, RuntimeException cause, String action) {
    return new StartException(
        "server " + name, String.valueOf(cause.getMessage()), action.formatted(name), cause);
  }

  @Override
  public void stop() {
    CompletableFuture<Void> stopped = new CompletableFuture<>();
    stop(() -> stopped.complete(null));
    stopped.join();
  }

  @Override
  public synchronized void stop(Runnable callback) {
    Map<String, Server> stopping = servers.all();
    if (stopping.isEmpty()) {
      ended(callback);
    } else if (isImmediate()) {
      stopping.values().forEach(server -> server.stop(Duration.ZERO));
      stopping.values().forEach(Server::close);
      ended(callback);
    } else {
      notReady = true;
      AvailabilityChangeEvent.publish(context, ReadinessState.REFUSING_TRAFFIC);
      drain.get().begin().whenComplete((report, failure) -> ended(callback));
    }
  }

  private boolean isImmediate() {
    String shutdown = context.getEnvironment().getProperty("server.shutdown", "graceful");
    return shutdown.trim().equalsIgnoreCase("immediate");
  }

  private void ended(Runnable callback) {
    servers.set(Map.of());
    running = false;
    callback.run();
  }
}
