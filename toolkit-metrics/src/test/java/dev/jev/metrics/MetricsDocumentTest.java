package dev.jev.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Requests;
import dev.jev.Server;
import dev.jev.Topic;
import dev.jev.nodes.Backplane;
import dev.jev.nodes.Nodes;
import dev.jev.plugin.Limits;
import dev.jev.plugin.Tls;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The documents name the meters that exist: docs/metrics.md and the dashboard. */
@Timeout(60)
class MetricsDocumentTest {

  private static final Path DOCS = Path.of("..", "docs");
  private static final PrometheusMeterRegistry REGISTRY =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

  private static Server server;

  /** Lets every meter exist. */
  @BeforeAll
  static void measure() throws Exception {
    Metrics metrics =
        Metrics.of(REGISTRY)
            .bind(Topic.of("news"))
            .bind(Limits.builder().build())
            .bind(Tls.client().build())
            .bind("backend", Requests.<String, String>inOrder().build());
    new NodesMetrics(Nodes.builder(Backplane.inProcess()).build()).bindTo(REGISTRY);
    server =
        Server.builder(
                WebSocketProtocol.server().build(),
                (Connection<WebSocketMessage> c, WebSocketMessage message) -> c.close("enough"))
            .plugin(metrics)
            .listen("tcp://127.0.0.1:0")
            .start();
    WebSocket socket =
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .buildAsync(
                URI.create("ws://127.0.0.1:" + server.port() + "/"), new WebSocket.Listener() {})
            .join();
    socket.sendText("close", true).join();
    Eventually.holds(
        "closed",
        () -> REGISTRY.find("jev.websocket.closes").tag("code", "1000").counter() != null);
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static Set<String> found(String text, String pattern) {
    return Pattern.compile(pattern)
        .matcher(text)
        .results()
        .map(result -> result.group(1))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static Set<String> meters() {
    Set<String> names = new TreeSet<>();
    REGISTRY.forEachMeter(meter -> names.add(meter.getId().getName()));
    return names;
  }

  private static Set<String> exported() {
    return found(REGISTRY.scrape(), "(?m)^(jev_\\w+)[ {]");
  }

  @Test
  void theTableHasAllMetersAndNoOther() throws Exception {
    String document = Files.readString(DOCS.resolve("metrics.md"));
    String table = document.substring(document.indexOf("| meter |"), document.indexOf("Meters of"));
    assertThat(found(table, "`(jev\\.[\\w.]+)`")).isEqualTo(meters());
  }

  @Test
  void theAlarmsAskForWhatIsExported() throws Exception {
    String document = Files.readString(DOCS.resolve("metrics.md"));
    assertThat(found(document, "(jev_\\w+)")).hasSizeGreaterThan(5).isSubsetOf(exported());
  }

  @Test
  void theDashboardAsksForWhatIsExported() throws Exception {
    String dashboard = Files.readString(DOCS.resolve("grafana.json"));
    Matcher queries = Pattern.compile("\"expr\": \"((?:[^\"\\\\]|\\\\.)*)\"").matcher(dashboard);
    Set<String> asked = new TreeSet<>();
    while (queries.find()) {
      asked.addAll(found(queries.group(1), "(jev_\\w+)"));
    }
    assertThat(asked).hasSizeGreaterThan(25).isSubsetOf(exported());
  }

  @Test
  void theDashboardShowsEveryMeter() throws Exception {
    String dashboard = Files.readString(DOCS.resolve("grafana.json"));
    Set<String> missing = new TreeSet<>();
    for (String meter : meters()) {
      if (!dashboard.contains(meter.replace('.', '_'))) {
        missing.add(meter);
      }
    }
    assertThat(missing)
        .containsExactlyInAnyOrder(
            "jev.accept.pauses", // jev.accept.paused is shown
            "jev.connections.closed.texts", // the panel of jev.connections.closed has the reasons
            "jev.limits.buffered", // jev.bytes.buffered is shown
            "jev.websocket.deflate.input",
            "jev.websocket.deflate.output", // their ratio is shown
            "jev.websocket.inflate.input",
            "jev.websocket.inflate.output");
  }
}
