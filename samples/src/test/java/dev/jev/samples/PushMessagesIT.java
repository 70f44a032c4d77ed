package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Program;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The messages of the sample `push` to its page, and the messages that it refuses. */
@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PushMessagesIT {

  private static final JsonMapper JSON = new JsonMapper();

  private Program server;

  @BeforeAll
  void start() throws Exception {
    server = Sample.server("push", "--port", "0", "--period-ms", "100");
  }

  @AfterAll
  void stop() throws Exception {
    try (Program server = this.server) {
      WebSocketTexts page = WebSocketTexts.connect(server, "/live");
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(page.code()).as("service restart").isEqualTo(1012);
      assertThat(server.errors())
          .allMatch(
              line ->
                  line.matches(
                      ".*RateLimitedLog.*|WARNING: connection to .* closed: message rate limit of"
                          + " .*"));
      String address = "http://127.0.0.1:" + server.port() + "/";
      assertThat(server.output()).containsExactly("open " + address + " in a browser");
    }
  }

  private WebSocketTexts page() throws Exception {
    return WebSocketTexts.connect(server, "/live");
  }

  @Test
  void pingIsAnswered() throws Exception {
    page().sends("{\"type\":\"ping\",\"number\":7}").expect("{\"type\":\"pong\",\"number\":7}");
  }

  @Test
  void numbersArePushedEveryPeriod() throws Exception {
    String numbers = "\\{\"type\":\"numbers\",\"connections\":[1-9].*\"heapBytes\":[1-9].*}";
    page().expectMatch(numbers).expectMatch(numbers);
  }

  private static JsonNode lane(JsonNode lanes, String policy) {
    return lanes
        .get("lanes")
        .valueStream()
        .filter(lane -> lane.get("policy").asString().equals(policy))
        .findFirst()
        .orElseThrow();
  }

  private static void awaits(WebSocketTexts page, Predicate<JsonNode> condition) throws Exception {
    JsonNode lanes;
    do {
      lanes = JSON.readTree(page.next());
    } while (!lanes.get("type").asString().equals("lanes") || !condition.test(lanes));
  }

  @Test
  void lanesShowWhatBecomesOfSlowClients() throws Exception {
    WebSocketTexts page = page().sends("{\"type\":\"read\",\"kilobytes\":20}");
    awaits(page, lanes -> lanes.get("kilobytes").asInt() == 20);
    awaits(
        page,
        lanes ->
            lane(lanes, "fast").get("age").asInt() < 250
                && lane(lanes, "conflate").get("age").asInt() < 500
                && lane(lanes, "conflate").get("replaced").asInt() > 100
                && lane(lanes, "drop-oldest").get("age").asInt() > 2_000
                && lane(lanes, "drop-oldest").get("dropped").asInt() > 100
                && lane(lanes, "unbounded").get("waiting").asInt() > 500_000);
    page.sends("{\"type\":\"read\",\"kilobytes\":200}");
    awaits(page, lanes -> lane(lanes, "unbounded").get("age").asInt() < 250);
  }

  @Test
  void whoOnlySubscribesGetsWhatIsPublished() throws Exception {
    WebSocketTexts subscriber = WebSocketTexts.connect(server, "/feed");
    for (int i = 0; i < 3; i++) {
      assertThat(subscriber.next()).matches("\\{\"type\":\"tick\",\"number\":\\d+}");
    }
    subscriber.sends("{\"type\":\"clear\"}");
    assertThat(subscriber.code()).isEqualTo(1000);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "no JSON",
        "[]",
        "{}",
        "{\"type\":\"unknown\"}",
        "{\"type\":\"move\",\"x\":1}",
        "{\"type\":\"move\",\"x\":-1,\"y\":1}",
        "{\"type\":\"move\",\"x\":10001,\"y\":1}",
        "{\"type\":\"move\",\"x\":1e99,\"y\":1}",
        "{\"type\":\"rate\",\"perSecond\":0}",
        "{\"type\":\"rate\",\"perSecond\":51}",
        "{\"type\":\"read\",\"kilobytes\":19}",
        "{\"type\":\"read\",\"kilobytes\":201}",
        "{\"type\":\"subscribers\",\"change\":1000000}",
        "{\"type\":\"draw\",\"stroke\":1,\"from\":0}",
        "{\"type\":\"draw\",\"stroke\":1,\"from\":0,\"points\":[]}",
        "{\"type\":\"draw\",\"stroke\":1,\"from\":0,\"points\":[1]}",
        "{\"type\":\"draw\",\"stroke\":1,\"from\":0,\"points\":[1,null]}",
        "{\"type\":\"draw\",\"stroke\":1,\"from\":1000,\"points\":[1,1]}",
        "{\"type\":\"draw\",\"stroke\":-1,\"from\":0,\"points\":[1,1]}"
      })
  void whatMakesNoSenseClosesTheConnection(String text) throws Exception {
    assertThat(page().sends(text).code()).isEqualTo(1002);
  }

  @Test
  void longMessageClosesTheConnection() throws Exception {
    assertThat(page().sends(" ".repeat(16 * 1024 + 1)).code()).isEqualTo(1009);
  }

  @Test
  void tooManyMessagesCloseTheConnection() throws Exception {
    String request =
        """
        GET /live HTTP/1.1
        Host: localhost
        Upgrade: websocket
        Connection: Upgrade
        Sec-WebSocket-Version: 13
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==

        """
            .replace("\n", "\r\n");
    String ping = "{\"type\":\"ping\",\"number\":1}";
    String frame = "\u0081" + (char) (0x80 | ping.length()) + "\0\0\0\0" + ping;
    String policyViolation = "\u0003\u00f0"; // 1008
    try (RawClient page = new RawClient(server.port())) {
      page.sends(request + frame.repeat(1_000));
      StringBuilder seen = new StringBuilder();
      while (seen.indexOf(policyViolation) < 0) {
        String next = page.receives(1);
        assertThat(next).as("after: %s", seen).isNotEmpty();
        seen.append(next);
      }
    }
  }
}
