package dev.jev.metrics;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.CallsPrograms;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Program;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.Texts;
import dev.jev.Topic;
import dev.jev.plugin.Drain;
import dev.jev.plugin.Limits;
import dev.jev.websocket.HttpResponder;
import dev.jev.websocket.HttpResponse;
import dev.jev.websocket.WebSocketMessage;
import dev.jev.websocket.WebSocketProtocol;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The endpoint for metrics and health, also as Prometheus sees it. */
@Timeout(120)
class MetricsServerTest {

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final Metrics metrics = Metrics.of(registry);
  private final HttpClient http = HttpClient.newHttpClient();

  private Server.Builder<String, String> echo() {
    return Server.builder(Texts::new, (Connection<String> c, String text) -> c.send(text))
        .name("echo")
        .plugin(metrics)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(1);
  }

  private java.net.http.HttpResponse<String> get(int port, String path) throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)).build();
    return http.send(request, BodyHandlers.ofString());
  }

  @Test
  void metricsAreServedInTheFormatOfPrometheus() throws Exception {
    try (Server server = echo().start();
        MetricsServer endpoint = MetricsServer.prometheus(registry).listen("tcp://127.0.0.1:0");
        RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("hello").receive()).isEqualTo("hello");
      java.net.http.HttpResponse<String> answer = get(endpoint.port(), "/metrics");
      assertThat(answer.statusCode()).isEqualTo(200);
      assertThat(answer.headers().firstValue("Content-Type"))
          .hasValue("text/plain; version=0.0.4; charset=utf-8");
      assertThat(answer.body().lines())
          .contains(
              "# TYPE jev_messages_received_total counter",
              "jev_messages_received_total{listener=\"tcp://127.0.0.1:0\",server=\"echo\"} 1.0",
              "jev_bytes_sent_bytes_total{listener=\"tcp://127.0.0.1:0\",server=\"echo\"} 9.0",
              "jev_connections{listener=\"tcp://127.0.0.1:0\",server=\"echo\"} 1.0");
      assertThat(get(endpoint.port(), "/other").statusCode()).isEqualTo(404);
    }
  }

  @Test
  void readyFollowsTheDrain() throws Exception {
    Drain drain =
        Drain.builder()
            .withoutShutdownHook()
            .acceptTime(Duration.ZERO)
            .spread(Duration.ZERO)
            .build();
    try (Server server = echo().plugin(drain).start();
        MetricsServer endpoint =
            MetricsServer.prometheus(registry).drain(drain).listen("tcp://127.0.0.1:0")) {
      assertThat(get(endpoint.port(), "/ready").statusCode()).isEqualTo(200);
      drain.begin();
      drain.ended().toCompletableFuture().join();
      assertThat(get(endpoint.port(), "/ready").statusCode()).isEqualTo(503);
      assertThat(get(endpoint.port(), "/live").statusCode()).isEqualTo(200);
      assertThat(server.connectionCount()).isZero();
    }
  }

  @Test
  void conditionsAreThoseOfTheApplication() throws Exception {
    AtomicBoolean live = new AtomicBoolean(true);
    AtomicBoolean ready = new AtomicBoolean(true);
    try (MetricsServer endpoint =
        MetricsServer.prometheus(registry)
            .live(live::get)
            .ready(ready::get)
            .ready(() -> true)
            .listen("tcp://127.0.0.1:0")) {
      ready.set(false);
      assertThat(get(endpoint.port(), "/ready").statusCode()).isEqualTo(503);
      assertThat(get(endpoint.port(), "/live").statusCode()).isEqualTo(200);
      live.set(false);
      assertThat(get(endpoint.port(), "/live").statusCode()).isEqualTo(503);
    }
  }

  @Test
  void anExistingServerAnswersOnItsOwnPort() throws Exception {
    HttpResponder responder =
        HttpResponder.at("/", () -> HttpResponse.of(200).text("page"))
            .or(MetricsServer.prometheus(registry).responder());
    try (Server server =
        Server.builder(
                WebSocketProtocol.server().path("/live").http(responder).build(),
                (Connection<WebSocketMessage> c, WebSocketMessage message) -> {})
            .plugin(metrics)
            .listen("tcp://127.0.0.1:0")
            .start()) {
      assertThat(get(server.port(), "/").body()).isEqualTo("page");
      assertThat(get(server.port(), "/metrics").body()).contains("jev_connections_opened_total");
      assertThat(get(server.port(), "/ready").statusCode()).isEqualTo(200);
    }
  }

  @Test
  void anAddressThatIsNoneIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MetricsServer.prometheus(registry).listen("9091"))
        .withMessageContaining("9091");
  }

  @Test
  void oneAddressCannotKeepOthersOut() throws Exception {
    List<Socket> silent = new ArrayList<>();
    try (MetricsServer endpoint = MetricsServer.prometheus(registry).listen("tcp://127.0.0.1:0")) {
      for (int i = 0; i < 256; i++) {
        silent.add(connectFrom("127.0.0.1", endpoint.port()));
      }
      try (Socket other = connectFrom("127.0.0.2", endpoint.port())) {
        assertThat(firstLine(other)).isEqualTo("HTTP/1.1 200 OK");
      }
      assertThat(silent.get(64).getInputStream().read()).isEqualTo(-1);
      assertThat(firstLine(silent.get(63))).isEqualTo("HTTP/1.1 200 OK");
    } finally {
      for (Socket socket : silent) {
        socket.close();
      }
    }
  }

  private static Socket connectFrom(String address, int port) throws IOException {
    Socket socket = new Socket();
    socket.setSoTimeout(10_000);
    socket.bind(new InetSocketAddress(address, 0));
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 10_000);
    return socket;
  }

  /** Returns the first line of the answer to the question whether the process works. */
  private static String firstLine(Socket socket) throws IOException {
    String request = "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
    return new BufferedReader(
            new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII))
        .readLine();
  }

  // Prometheus.

  @Test
  @CallsPrograms
  void promtoolFindsNoFault() throws Exception {
    metrics.bind(Topic.of("news")).bind(Limits.builder().build());
    try (Server server = echo().start();
        RawPeer peer = RawPeer.connect(server)) {
      assertThat(peer.send("hello").receive()).isEqualTo("hello");
      byte[] scraped = registry.scrape().getBytes(StandardCharsets.UTF_8);
      assertThat(Program.run(scraped, "promtool", "check", "metrics")).isEmpty();
    }
  }

  @Test
  @CallsPrograms
  void prometheusScrapesIt(@TempDir Path directory) throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    try (Server server = echo().start();
        RawPeer peer = RawPeer.connect(server);
        MetricsServer endpoint = MetricsServer.prometheus(registry).listen("tcp://127.0.0.1:0")) {
      assertThat(peer.send("hello").receive()).isEqualTo("hello");
      Path config = directory.resolve("prometheus.yml");
      Files.writeString(
          config,
          """
          scrape_configs:
            - job_name: jev
              scrape_interval: 1s
              static_configs:
                - targets: ['127.0.0.1:%d']
          """
              .formatted(endpoint.port()));
      try (Program prometheus =
          Program.start(
              "prometheus",
              "--config.file=" + config,
              "--storage.tsdb.path=" + directory.resolve("data"),
              "--web.listen-address=127.0.0.1:" + port)) {
        String query = "/api/v1/query?query=jev_messages_received_total";
        Eventually.holds("prometheus has scraped", () -> answers(port, query, "\"echo\""));
        assertThat(get(port, query).body()).contains("\"server\":\"echo\"", ",\"1\"]");
        assertThat(get(port, "/api/v1/targets").body())
            .contains("\"health\":\"up\"", "\"lastError\":\"\"");
        prometheus.terminate().exitStatus();
      }
    }
  }

  private boolean answers(int port, String path, String part) throws InterruptedException {
    try {
      return get(port, path).body().contains(part);
    } catch (InterruptedException e) {
      throw e;
    } catch (Exception e) { // it does not listen yet
      return false;
    }
  }

  @Test
  void manyScrapesTakeLittleTime() throws Exception {
    int peers = 10;
    int requests = 10;
    AtomicInteger scrapes = new AtomicInteger();
    Gauge.builder("slow", () -> takeTime(scrapes.incrementAndGet())).register(registry);
    try (MetricsServer endpoint = MetricsServer.prometheus(registry).listen("tcp://127.0.0.1:0")) {
      List<Socket> sockets = new ArrayList<>();
      byte[] all = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(requests).getBytes(US_ASCII);
      for (int i = 0; i < peers; i++) {
        Socket socket = new Socket(InetAddress.getLoopbackAddress(), endpoint.port());
        sockets.add(socket);
        socket.getOutputStream().write(all);
        socket.shutdownOutput();
      }
      for (Socket socket : sockets) {
        String answers = new String(socket.getInputStream().readAllBytes(), US_ASCII);
        assertThat(answers.split("slow [0-9]", -1)).hasSize(1 + requests);
        socket.close();
      }
    }
    assertThat(scrapes.get()).isLessThan(peers * requests * 3 / 4);
  }

  /** Takes 50 ms, like a scrape of ten thousand meters. */
  private static int takeTime(int result) {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(50);
    while (System.nanoTime() - end < 0) {
      Thread.onSpinWait();
    }
    return result;
  }
}
