package dev.jev.spring;

import dev.jev.Client;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.springframework.context.SmartLifecycle;

/**
 * Connects all clients before the servers start, and closes them after the servers have stopped.
 */
final class ClientLifecycle implements SmartLifecycle {

  /** Below the phases of web servers and of {@link ServerLifecycle}, which may use clients. */
  static final int PHASE = SmartLifecycle.DEFAULT_PHASE - 3072;

  /** A configured builder, and the address to connect to. */
  record Target(Client.Builder<?, ?> builder, String uri) {}

  private final Supplier<Map<String, Target>> configuration;
  private final JevClients clients;

  // Guarded by this.
  private Map<String, Target> targets = Map.of();

  private volatile boolean running;

  /**
   * Creates a lifecycle.
   *
   * @param configuration returns the configured builders by name; called at the first start
   */
  ClientLifecycle(Supplier<Map<String, Target>> configuration, JevClients clients) {
    this.configuration = configuration;
    this.clients = clients;
  }

  @Override
  public int getPhase() {
    return PHASE;
  }

  /** Returns false, as {@link ServerLifecycle} does. */
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
    if (targets.isEmpty()) {
      targets = configuration.get();
    }
    Map<String, Client<?>> started = new LinkedHashMap<>();
    try {
      targets.forEach((name, target) -> started.put(name, start(name, target)));
    } catch (RuntimeException e) {
      started.values().forEach(Client::close);
      throw e;
    }
    clients.set(started);
    running = true;
  }

  private static Client<?> start(String name, Target target) {
    try {
      return target.builder().connect(target.uri());
    } catch (IllegalArgumentException | IllegalStateException e) {
      throw new StartException(
          "client " + name,
          String.valueOf(e.getMessage()),
          "Correct the properties jev.client." + name + ".* or the bean.",
          e);
    }
  }

  /** Closes all clients at the same time, since each may take seconds. */
  @Override
  public synchronized void stop() {
    List<Thread> closing = new ArrayList<>();
    for (Client<?> client : clients.all().values()) {
      Thread thread = new Thread(client::close, "jev-client-close");
      thread.start();
      closing.add(thread);
    }
    for (Thread thread : closing) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    clients.set(Map.of());
    running = false;
  }
}
