package dev.jev.spring;

import static java.util.Objects.requireNonNull;

import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import dev.jev.plugin.Diagnostics;
import dev.jev.plugin.Diagnostics.LoopLag;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
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

  /**
   * Notices the end of a server, which may stop by itself when an event loop dies, and the lags of
   * its event loops.
   */
  static final class RunState implements Plugin {

    private final Diagnostics lags = Diagnostics.create(); // for no connection
    private volatile boolean running;

    @Override
    public void start(PluginHost host) {
      running = true;
    }

    @Override
    public void stop(PluginHost host) {
      running = false;
    }

    @Override
    public void loopLagged(PluginHost host, Thread loop, Duration lag) {
      lags.loopLagged(host, loop, lag);
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

  /** Returns the lags of the event loops of each server within the last 10 to 20 s, by name. */
  Map<String, List<LoopLag>> lags() {
    return map(entry -> entry.state().lags.loopLags());
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
