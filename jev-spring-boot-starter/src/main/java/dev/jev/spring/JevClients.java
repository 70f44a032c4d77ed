package dev.jev.spring;

import static java.util.Objects.requireNonNull;

import dev.jev.Client;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The clients of an application, by name; a bean to inject.
 *
 * <p>The clients begin to connect after all beans have been created and before the servers start,
 * so there are none before that.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public final class JevClients {

  private volatile Map<String, Client<?>> clients = Map.of();

  JevClients() {}

  /**
   * Returns a client.
   *
   * @param name the name of the bean of its builder
   * @param <O> the type of its outbound messages; not checked
   * @throws IllegalArgumentException if there is no such client
   */
  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"}) // the caller knows the type
  public <O> Client<O> get(String name) {
    Client<?> client = clients.get(requireNonNull(name, "name"));
    if (client == null) {
      throw new IllegalArgumentException(
          "client: " + name + " (expected: one of the started ones: " + clients.keySet() + ")");
    }
    return (Client<O>) client;
  }

  /** Returns the clients by the names of their builders' beans, in the order of their start. */
  public Map<String, Client<?>> all() {
    return Collections.unmodifiableMap(clients);
  }

  /** Replaces all clients. */
  void set(Map<String, Client<?>> started) {
    clients = new LinkedHashMap<>(started);
  }
}
