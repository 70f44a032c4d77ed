package dev.jev.metrics;

import static java.util.Objects.requireNonNull;

import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.plugin.Drain;
import dev.jev.plugin.Limits;
import dev.jev.websocket.HttpResponder;
import dev.jev.websocket.HttpResponse;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;

/**
 * An HTTP server for the metrics of a registry, and for health checks.
 *
 * <pre>
 *   MetricsServer.prometheus(registry).drain(drain).listen("tcp://:9091");
 * </pre>
 *
 * <table>
 *   <caption>Paths</caption>
 *   <tr><th>path</th><th>answer</th></tr>
 *   <tr><td>{@code /metrics}</td><td>200 with all meters, in the text format of Prometheus 0.0.4</td></tr>
 *   <tr><td>{@code /live}</td><td>200 while the process works, else 503</td></tr>
 *   <tr><td>{@code /ready}</td><td>200 while it should get more clients, else 503</td></tr>
 * </table>
 *
 * <p>It has an event loop of its own, so a registry with many meters delays no other server. Needs
 * the artifact {@code io.micrometer:micrometer-registry-prometheus}.
 *
 * <p><b>Security.</b> Every peer that can connect gets the metrics. Listen on an address that only
 * the monitoring system reaches.
 *
 * <p><b>Limits.</b> 256 connections, of which one IPv4 address, or one IPv6 subnet of 64 bits, gets
 * 64: scrapers and probes have enough of them even behind one address, and no peer can keep all
 * others out. A connection closes 10 s after it was accepted. Scrapes take at most half of the
 * time, and 250 ms more: beyond that {@code /metrics} repeats its last answer, for 2 s at most, so
 * that probes do not wait for many scrapes.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public final class MetricsServer implements AutoCloseable {

  /** A scrape may take long: nothing else waits for this event loop. */
  private static final Duration BLOCKED_THRESHOLD = Duration.ofSeconds(10);

  private static final String TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8";
  private static final int MAX_CONNECTIONS = 256;

  /** Limit for one IPv4 address, or for the IPv6 addresses of one subnet (RFC 4291, 2.5.4). */
  private static final int MAX_CONNECTIONS_PER_ADDRESS = 64;

  private final Server server;

  private MetricsServer(Server server) {
    this.server = server;
  }

  /** Returns a builder for the metrics of a registry. */
  @SuppressWarnings("exports") // the module is optional
  public static Builder prometheus(PrometheusMeterRegistry registry) {
    return new Builder(registry);
  }

  /** Returns the port. */
  public int port() {
    return server.port();
  }

  /** Stops the server. */
  @Override
  public void close() {
    server.close();
  }

  /** A builder of a {@link MetricsServer}, or of a responder for a server that exists. */
  public static final class Builder {

    private final Scrapes scrapes;
    private BooleanSupplier live = () -> true;
    private BooleanSupplier ready = () -> true;

    private Builder(PrometheusMeterRegistry registry) {
      requireNonNull(registry, "registry");
      this.scrapes =
          new Scrapes(() -> registry.scrape().getBytes(StandardCharsets.UTF_8), System::nanoTime);
    }

    /** Sets the condition for {@code /live}; always true by default. Must not block. */
    public Builder live(BooleanSupplier live) {
      this.live = requireNonNull(live, "live");
      return this;
    }

    /**
     * Adds a condition for {@code /ready}, which answers 200 if all of them are true; there is none
     * by default. Must not block.
     */
    public Builder ready(BooleanSupplier ready) {
      requireNonNull(ready, "ready");
      BooleanSupplier before = this.ready;
      this.ready = () -> before.getAsBoolean() && ready.getAsBoolean();
      return this;
    }

    /** Lets {@code /ready} follow {@link Drain#isReady}. */
    public Builder drain(Drain drain) {
      return ready(requireNonNull(drain, "drain")::isReady);
    }

    /**
     * Returns a responder for the three paths, for a WebSocket server that exists. A scrape runs on
     * an event loop of that server, for a few milliseconds per thousand meters. The limit of the
     * time that scrapes take is the same as of a {@link MetricsServer}.
     */
    public HttpResponder responder() {
      return HttpResponder.at("/metrics", this::metrics)
          .or(HttpResponder.at("/live", () -> health(live)))
          .or(HttpResponder.at("/ready", () -> health(ready)));
    }

    private HttpResponse metrics() {
      return HttpResponse.of(200).body(TEXT_FORMAT, scrapes.answer());
    }

    private static HttpResponse health(BooleanSupplier condition) {
      return condition.getAsBoolean()
          ? HttpResponse.of(200).text("yes\n")
          : HttpResponse.of(503).text("no\n");
    }

    /**
     * Starts the server.
     *
     * @param uri an address as for {@link Server.Builder#listen}
     * @throws IllegalArgumentException if {@code uri} is not such an address
     * @throws java.io.UncheckedIOException if the server cannot listen on it
     */
    public MetricsServer listen(String uri) {
      return new MetricsServer(
          Server.builder(
                  WebSocketProtocol.server()
                      .http(responder())
                      .onUpgrade(request -> CompletableFuture.completedFuture(HttpResponse.of(404)))
                      .build(),
                  (Connection<WebSocketMessage> connection, WebSocketMessage message) -> {})
              .name("metrics")
              .listen(uri)
              .eventLoops(1)
              .blockedLoopThreshold(BLOCKED_THRESHOLD)
              .maxConnections(MAX_CONNECTIONS)
              .plugin(limits())
              .start());
    }

    private static Limits limits() {
      return Limits.builder()
          .connectionsPerSubnet(MAX_CONNECTIONS_PER_ADDRESS, /* prefix4= */ 32, /* prefix6= */ 64)
          .build();
    }
  }
}
