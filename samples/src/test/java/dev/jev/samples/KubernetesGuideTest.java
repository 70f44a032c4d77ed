package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.Plugin;
import dev.jev.PluginHost;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.metrics.Metrics;
import dev.jev.metrics.MetricsServer;
import dev.jev.plugin.Drain;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Runs the code of docs/kubernetes-and-systemd.md: each of its Java blocks is a region of this
 * class.
 */
@Timeout(60)
class KubernetesGuideTest {

  // region drain
  static Drain drain() {
    return Drain.builder()
        .acceptTime(Duration.ofSeconds(10)) // until load balancers have noticed
        .spread(Duration.ofSeconds(20)) // the clients reconnect during this time
        .deadline(Duration.ofSeconds(45)) // since the beginning
        .build();
  }

  // endregion

  // region serve
  static void serve(Server.Builder<?, ?> prices, Drain drain, String probes)
      throws InterruptedException {
    PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    try (MetricsServer health = MetricsServer.prometheus(registry).drain(drain).listen(probes);
        Server server = prices.plugin(Metrics.of(registry)).plugin(drain).start()) {
      System.out.println(server.addresses() + ", probes on port " + health.port());
      server.awaitStop(); // throws if an event loop has died
    }
  }

  // endregion

  private final BlockingQueue<PluginHost> started = new LinkedBlockingQueue<>();

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  private static int status(int port, String path) throws Exception {
    URI uri = URI.create("http://127.0.0.1:" + port + path);
    return HttpClient.newHttpClient()
        .send(HttpRequest.newBuilder(uri).build(), BodyHandlers.discarding())
        .statusCode();
  }

  private static boolean accepts(int port) {
    try (RawClient client = new RawClient(port)) {
      return client.sends("hi\n").receivesLine().equals("hi");
    } catch (IOException e) {
      return false;
    }
  }

  @Test
  void serverIsNotReadyWhileItDrainsAndStillAccepts() throws Exception {
    Plugin port =
        new Plugin() {
          @Override
          public void start(PluginHost host) {
            started.add(host);
          }
        };
    Handler<String, String> echo = Handler.replying(line -> line);
    Server.Builder<String, String> prices =
        Server.<String, String>builder(Protocols::lines, echo)
            .plugin(port)
            .listen("tcp://127.0.0.1:0");
    Drain drain = drain();
    int probes = freePort();
    CompletableFuture<Void> served =
        CompletableFuture.runAsync(
            () -> {
              try {
                serve(prices, drain, "tcp://127.0.0.1:" + probes);
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
            });
    PluginHost host = started.poll(30, TimeUnit.SECONDS);
    assertThat(host).isNotNull();
    InetSocketAddress address = (InetSocketAddress) host.addresses().get(0);
    Eventually.holds("the server accepts", () -> accepts(address.getPort()));
    Eventually.holds("it has noticed the end", () -> host.connectionCount() == 0);
    assertThat(status(probes, "/live")).isEqualTo(200);
    assertThat(status(probes, "/ready")).isEqualTo(200);
    drain.begin();
    assertThat(status(probes, "/live")).isEqualTo(200);
    assertThat(status(probes, "/ready")).isEqualTo(503);
    try (RawClient late = new RawClient(address.getPort())) {
      assertThat(late.sends("hi\n").receivesLine()).isEqualTo("hi");
      drain.begin(); // closes all connections at once
      assertThat(late.receivesAll()).isEmpty();
    }
    served.get(30, TimeUnit.SECONDS);
    assertThat(drain.ended().toCompletableFuture().get(10, TimeUnit.SECONDS).closed()).isOne();
    assertThat(drain.phase()).isEqualTo(Drain.Phase.ENDED);
  }

  @Test
  void documentShowsThisCode() throws Exception {
    Snippets.expectShown("docs/kubernetes-and-systemd.md", KubernetesGuideTest.class);
  }
}
