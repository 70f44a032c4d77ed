package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Server;
import dev.jev.Topic;
import dev.jev.codec.Protocols;
import dev.jev.metrics.Metrics;
import dev.jev.metrics.MetricsServer;
import dev.jev.plugin.Drain;
import dev.jev.plugin.Limits;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import org.junit.jupiter.api.Test;

/** Runs the code of docs/metrics.md: its Java block is a region of this class. */
class MetricsGuideTest {

  // region measure
  static MetricsServer measure(
      Server.Builder<?, ?> server, Topic<?> topic, Limits limits, Drain drain, String uri) {
    PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    Metrics metrics = Metrics.of(registry).bind(topic).bind(limits);
    server.name("orders").plugin(metrics).plugin(limits).plugin(drain);
    return MetricsServer.prometheus(registry).drain(drain).listen(uri); // "tcp://10.0.0.5:9091"
  }

  // endregion

  @Test
  void documentShowsThisCode() throws Exception {
    Snippets.expectShown("docs/metrics.md", MetricsGuideTest.class);
  }

  @Test
  void serverIsMeasuredUnderItsName() throws Exception {
    Server.Builder<String, String> builder =
        Server.builder(Protocols::lines, (Connection<String> c, String line) -> c.send(line))
            .listen("tcp://127.0.0.1:0");
    Drain drain = Drain.builder().withoutShutdownHook().build();
    try (MetricsServer endpoint =
            measure(
                builder, Topic.of("news"), Limits.builder().build(), drain, "tcp://127.0.0.1:0");
        Server server = builder.start();
        RawClient client = new RawClient(server.port())) {
      assertThat(client.sends("hello\n").receivesLine()).isEqualTo("hello");
      String uri = "http://127.0.0.1:" + endpoint.port() + "/metrics";
      HttpRequest request = HttpRequest.newBuilder(URI.create(uri)).build();
      assertThat(HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body())
          .contains(
              "jev_messages_sent_total{listener=\"tcp://127.0.0.1:0\",server=\"orders\"} 1.0",
              "jev_topic_subscribers{topic=\"news\"} 0.0");
      client.leaves();
    }
  }
}
