package dev.jev.samples.options;

import dev.jev.Server;
import dev.jev.metrics.Metrics;
import dev.jev.metrics.MetricsServer;
import dev.jev.metrics.NodesMetrics;
import dev.jev.nodes.Nodes;
import dev.jev.plugin.Drain;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The option to export metrics, and their server. */
final class MetricsOptions {

  @Option(
      names = "--metrics",
      paramLabel = "PORT",
      description =
          "Port that serves /metrics for Prometheus, /live and /ready; 0 for any free port"
              + " (default: none).")
  private @Nullable Integer port;

  private @Nullable PrometheusMeterRegistry registry;
  private @Nullable Metrics metrics;
  private BooleanSupplier ready = () -> true;
  private volatile boolean stopping;

  private PrometheusMeterRegistry registry() {
    if (registry == null) {
      registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    }
    return registry;
  }

  void measure(Consumer<Metrics> binding) {
    if (port != null) {
      binding.accept(metrics());
    }
  }

  void measure(Nodes nodes) {
    if (port != null) {
      new NodesMetrics(nodes).bindTo(registry());
    }
  }

  private Metrics metrics() {
    if (metrics == null) {
      metrics = Metrics.of(registry());
    }
    return metrics;
  }

  /** Lets /ready follow a drain. */
  void follow(Drain drain) {
    ready = drain::isReady;
  }

  /** Measures a server under a name, if metrics are wanted. */
  void install(Server.Builder<?, ?> builder, String name) {
    if (port != null) {
      builder.name(name).plugin(metrics());
    }
  }

  /** Serves the metrics, if they are wanted; returns lines to print. */
  List<String> serve(String host) {
    if (port == null) {
      return List.of();
    }
    String address = ServerOptions.bracketed(host);
    MetricsServer server =
        MetricsServer.prometheus(registry())
            .ready(() -> !stopping && ready.getAsBoolean())
            .listen("tcp://" + address + ":" + port);
    return List.of("metrics on http://" + address + ":" + server.port() + "/metrics");
  }

  /** Notes that the server is about to stop. */
  void stopping() {
    stopping = true;
  }
}
