package dev.jev.spring;

import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.plugin.Drain;
import org.jspecify.annotations.Nullable;

/**
 * The drain of all servers that were started together.
 *
 * <p>An application can be stopped and started again with the same builders, but a {@link Drain}
 * ends only once.
 */
final class CurrentDrain implements Plugin {

  private volatile Drain current;

  CurrentDrain(Drain first) {
    this.current = first;
  }

  void replace(Drain next) {
    current = next;
  }

  Drain get() {
    return current;
  }

  @Override
  public void start(PluginHost host) {
    current.start(host);
  }

  @Override
  public void stop(PluginHost host) {
    current.stop(host);
  }

  @Override
  public @Nullable Observer install(Link link) {
    return current.install(link);
  }
}
