package dev.jev.metrics;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.ConnectionInfo;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Requests;
import dev.jev.Topic;
import dev.jev.plugin.Limits;
import dev.jev.plugin.Tls;
import dev.jev.websocket.WebSocketObserver;
import io.micrometer.core.instrument.MeterRegistry;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Measures servers and clients, with Micrometer.
 *
 * <pre>
 *   PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
 *   Metrics metrics = Metrics.of(registry);
 *   Server.builder(MyProtocol::new, new MyHandler()).name("orders").plugin(metrics)...
 *   metrics.bind(topic);
 * </pre>
 *
 * <p><b>Meters.</b> Their names begin with {@code jev.}; the project's documentation lists them.
 * Tags are {@code server}, the {@linkplain dev.jev.Server.Builder#name name} of the server or
 * client; {@code listener}, the address as it was passed to {@code listen}, or {@code client}; and
 * values of enumerations. The tag {@code text} is the text of {@link
 * dev.jev.Connection#close(String)}: at most 64 different ones per listener. No tag contains
 * anything that a peer has chosen, so their number does not depend on the peers.
 *
 * <p><b>Cost.</b> Each event loop counts without atomic operations or locks, and the counters are
 * summed up when the registry reads them. A connection takes about 200 bytes for them.
 *
 * <p>One instance may measure several servers and clients. Those with the same name share their
 * meters. Meters stay in the registry when a server stops. Datagrams are not counted, except those
 * that are dropped.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public final class Metrics implements Plugin {

  private final MeterRegistry registry;
  private final Map<String, EndpointMeters> endpoints = new ConcurrentHashMap<>();
  private final BoundMeters bound;

  private Metrics(MeterRegistry registry) {
    this.registry = requireNonNull(registry, "registry");
    this.bound = new BoundMeters(registry);
    ProcessMeters.register(registry);
  }

  /**
   * Returns an instance that registers its meters with a registry. One instance per registry should
   * be created: if two of them measure servers of the same name, or bind limits or TLS, only the
   * first is read.
   */
  public static Metrics of(MeterRegistry registry) {
    return new Metrics(registry);
  }

  /**
   * Measures a topic, with its name as the tag {@code topic}. Topics with the same name are
   * measured together. Not meant for topics that are created at runtime, one per user for example:
   * each name takes meters, which stay.
   */
  public Metrics bind(Topic<?> topic) {
    bound.add(requireNonNull(topic, "topic"));
    return this;
  }

  /** Measures connection limits; several instances are measured together. */
  public Metrics bind(Limits limits) {
    bound.add(requireNonNull(limits, "limits"));
    return this;
  }

  /** Measures the handshakes and certificates of TLS; several instances are measured together. */
  public Metrics bind(Tls tls) {
    bound.add(requireNonNull(tls, "tls"));
    return this;
  }

  /**
   * Measures requests, with a name as the tag {@code requests}. Those with the same name are
   * measured together; names should be few, as for topics.
   */
  public Metrics bind(String name, Requests<?, ?> requests) {
    bound.add(requireNonNull(name, "name"), requireNonNull(requests, "requests"));
    return this;
  }

  // Called by the server or client.

  @Override
  public void start(PluginHost host) {
    endpoint(host).start(host);
  }

  @Override
  public void stop(PluginHost host) {
    endpoint(host).stop(host);
  }

  private EndpointMeters endpoint(PluginHost host) {
    return endpoints.computeIfAbsent(host.name(), name -> new EndpointMeters(registry, name));
  }

  @Override
  public Observer install(Link link) {
    MeasuredConnection connection = endpoint(link.host()).install(link);
    link.connection().attribute(ConnectionInfo.CounterSource.class, connection);
    link.connection().attribute(WebSocketObserver.class, connection);
    return connection;
  }

  @Override
  public void connectionRefused(PluginHost host, SocketAddress listener, CloseReason.Kind reason) {
    endpoint(host).connectionRefused(host, listener, reason);
  }

  @Override
  public void acceptPaused(PluginHost host, SocketAddress listener, Throwable cause) {
    endpoint(host).acceptPaused(host, listener);
  }

  @Override
  public void acceptResumed(PluginHost host, SocketAddress listener) {
    endpoint(host).acceptResumed(host, listener);
  }

  @Override
  public void loopLagged(PluginHost host, Thread loop, Duration lag) {
    endpoint(host).loopLagged(loop, lag);
  }

  @Override
  public void loopBlocked(PluginHost host, Thread loop, Duration time) {
    endpoint(host).loopBlocked(loop);
  }
}
