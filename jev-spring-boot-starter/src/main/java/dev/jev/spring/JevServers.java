package dev.jev.spring;

import static java.util.Objects.requireNonNull;

import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * The running servers of an application, by name; a bean to inject.
 *
 * <p>The servers start after all beans have been created and after the web server, so there are
 * none before that.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public final class JevServers {

  /** A server, and whether it is still running. */
  record Entry(Server server, RunState state) {}

  /** Notices the end of a server, which may stop by itself when an event loop dies. */
  static final class RunState implements Plugin {

    private volatile boolean running;

    @Override
    public void start(PluginHost host) {
      running = true;
    }

    @Override
    public void stop(PluginHost host) {
      running = false;
    }

    boolean isRunning() {
      return running;
    }
  }

  private volatile Map<String, Entry> entries = Map.of();

  JevServers() {}

  /**
   * Returns a running server.
   *
   * @param name the name of its bean
   * @throws IllegalArgumentException if there is no such server
   */
  public Server get(String name) {
    Entry entry = entries.get(requireNonNull(name, "name"));
    if (entry == null) {
      throw new IllegalArgumentException(
          "server: " + name + " (expected: one of the running ones: " + entries.keySet() + ")");
    }
    return entry.server();
  }

  /** Returns the running servers by the names of their beans, in the order of their start. */
  public Map<String, Server> all() {
    return map(Entry::server);
  }

  /** Returns whether each server is running, by name. */
  Map<String, Boolean> running() {
    return map(entry -> entry.state().isRunning());
  }

  private <T> Map<String, T> map(Function<Entry, T> value) {
    Map<String, T> values = new LinkedHashMap<>();
    entries.forEach((name, entry) -> values.put(name, value.apply(entry)));
    return Collections.unmodifiableMap(values);
  }

  /** Replaces all entries. */
  void set(Map<String, Entry> started) {
    entries = new LinkedHashMap<>(started);
  }
}
