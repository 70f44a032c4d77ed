package dev.jev.plugin;

import io.netty.channel.EventLoop;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * What a plugin has for each event loop, made when the loop's first connection asks for it.
 *
 * <p>Event loops are found with their connections and need not be announced, so a plugin serves
 * servers and clients alike. What belonged to loops that have ended is dropped when there is a new
 * one.
 */
final class PerLoop<T> {

  private final Map<EventLoop, T> all = new ConcurrentHashMap<>();
  private final Function<EventLoop, T> factory;

  PerLoop(Function<EventLoop, T> factory) {
    this.factory = factory;
  }

  /** What {@code loop} has; called on it. */
  T of(EventLoop loop) {
    T known = all.get(loop);
    if (known != null) {
      return known;
    }
    all.keySet().removeIf(EventLoop::isShutdown);
    T made = factory.apply(loop);
    all.put(loop, made);
    return made;
  }

  int size() {
    return all.size();
  }
}
