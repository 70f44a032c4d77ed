package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Eventually;
import dev.jev.Program;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The option --metrics, which all servers have. */
@Timeout(60)
class MetricsIT {

  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private static HttpResponse<String> get(String uri) throws Exception {
    return HTTP.send(
        HttpRequest.newBuilder(URI.create(uri)).build(), HttpResponse.BodyHandlers.ofString());
  }

  private static String metricsUri(Program server) throws Exception {
    String line = server.line();
    assertThat(line).matches("metrics on http://127.0.0.1:\\d+/metrics");
    return line.substring("metrics on ".length());
  }

  @Test
  void echoExportsItsMessages() throws Exception {
    try (Program server = Sample.server("echo", "--port", "0", "--metrics", "0");
        RawClient client = new RawClient(server.port())) {
      String metrics = metricsUri(server);
      assertThat(client.sends("hello\n").receivesLine()).isEqualTo("hello");
      String labels = "{listener=\"tcp://127.0.0.1:0\",server=\"echo\"}";
      Eventually.holds( // counted at the end of the batch
          "the message",
          () -> get(metrics).body().contains("jev_messages_received_total" + labels + " 1.0"));
      Eventually.holds(
          "the bytes",
          () -> get(metrics).body().contains("jev_bytes_sent_bytes_total" + labels + " 6.0"));
      assertThat(get(metrics.replace("/metrics", "/live")).statusCode()).isEqualTo(200);
      assertThat(get(metrics.replace("/metrics", "/ready")).statusCode()).isEqualTo(200);
      client.leaves();
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  void pushExportsItsTopics() throws Exception {
    try (Program server = Sample.server("push", "--port", "0", "--metrics", "0")) {
      server.line(); // the address of the page
      assertThat(get(metricsUri(server)).body())
          .contains("jev_topic_subscribers{topic=\"feed\"}")
          .contains("jev_limits_closed_total");
      assertThat(server.terminate().exitStatus()).isZero();
    }
  }

  @Test
  void aDrainEndsReadiness() throws Exception {
    try (Program server =
        Sample.server("drained", "--port", "0", "--metrics", "0", "--accept-ms", "60000")) {
      String ready = metricsUri(server).replace("/metrics", "/ready");
      assertThat(get(ready).statusCode()).isEqualTo(200);
      server.terminate();
      Eventually.holds("not ready", () -> get(ready).statusCode() == 503);
    }
  }
}
