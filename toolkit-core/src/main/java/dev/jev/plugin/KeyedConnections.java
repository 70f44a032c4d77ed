package dev.jev.plugin;

import dev.jev.Connection;
import dev.jev.plugin.LimitValues.PerKey;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The open connections by a key of the user's choice. Keys without connections are not stored.
 *
 * <p><b>Threads.</b> Any.
 */
final class KeyedConnections {

  private final Function<? super Connection<?>, ?> keys;
  private volatile PerKey limit;

  // Guarded by itself. Of each key, the oldest connection first.
  private final Map<Object, Set<LimitedConnection>> connections = new HashMap<>();

  KeyedConnections(Function<? super Connection<?>, ?> keys, PerKey limit) {
    this.keys = keys;
    this.limit = limit;
  }

  Function<? super Connection<?>, ?> keys() {
    return keys;
  }

  void limit(PerKey limit) {
    this.limit = limit;
  }

  PerKey limit() {
    return limit;
  }

  /** Returns the key of a connection, or null if it is not counted. */
  @Nullable Object keyOf(Connection<?> connection) {
    return keys.apply(connection);
  }

  /**
   * Adds a connection; returns the one that has to close for it, which is the same one if it is
   * refused, or null if there is room.
   */
  @Nullable LimitedConnection add(Object key, LimitedConnection connection) {
    PerKey present = limit;
    synchronized (connections) {
      Set<LimitedConnection> same = connections.computeIfAbsent(key, any -> new LinkedHashSet<>());
      LimitedConnection excess = null;
      if (same.size() >= present.max()) {
        if (present.action() == Limits.ConnectionLimitAction.REFUSE) {
          return connection;
        }
        excess = same.iterator().next();
        same.remove(excess);
      }
      same.add(connection);
      return excess;
    }
  }

  /** Removes a connection, if it was added and is still there. */
  void remove(Object key, LimitedConnection connection) {
    synchronized (connections) {
      Set<LimitedConnection> same = connections.get(key);
      if (same != null && same.remove(connection) && same.isEmpty()) {
        connections.remove(key);
      }
    }
  }

  /** Returns the number of keys that have connections. */
  int keyCount() {
    synchronized (connections) {
      return connections.size();
    }
  }
}
