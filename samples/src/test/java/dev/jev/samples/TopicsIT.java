package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The sample `topics`, with plain clients and in Chromium. */
@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TopicsIT {

  private static final JsonMapper JSON = new JsonMapper();

  private Program server;

  @BeforeAll
  void start() throws Exception {
    server = Sample.server("topics", "--port", "0");
  }

  @AfterAll
  void stop() throws Exception {
    try (Program stopped = server) {
      assertThat(stopped.terminate().exitStatus()).isZero();
      assertThat(stopped.errors()).noneMatch(line -> line.contains("LEAK"));
    }
  }

  private WebSocketTexts client() throws Exception {
    return client(server);
  }

  private static WebSocketTexts client(Program server) throws Exception {
    WebSocketTexts client = WebSocketTexts.connect(server, "/topics", "jev.topics.v1");
    assertThat(client.next()).startsWith("{\"heartbeat\":");
    return client;
  }

  /** Subscribes; returns the answer. */
  private static JsonNode subscribes(WebSocketTexts client, String topic, String more)
      throws Exception {
    client.sends("{\"subscribe\":[\"" + topic + "\"]" + more + "}");
    JsonNode answer = JSON.readTree(client.next());
    assertThat(answer.path("subscribed").asString()).isEqualTo(topic);
    return answer;
  }

  @Test
  void clientThatReturnsGetsExactlyWhatItHasMissed() throws Exception {
    WebSocketTexts publisher = client();
    WebSocketTexts reader = client();
    subscribes(reader, "any", "");
    publisher.sends("{\"publish\":\"any\",\"data\":{\"n\":1}}");
    JsonNode first = JSON.readTree(reader.next());
    assertThat(first.path("data").path("n").asInt()).isEqualTo(1);
    reader.cuts();
    publisher.sends("{\"publish\":\"any\",\"data\":2,\"id\":1}");
    assertThat(publisher.next()).startsWith("{\"published\":1,");
    WebSocketTexts returned = client();
    String position = first.path("position").asString();
    JsonNode answer = subscribes(returned, "any", ",\"after\":{\"any\":\"" + position + "\"}");
    assertThat(answer.path("replayed").asInt()).isEqualTo(1);
    assertThat(answer.path("lost").asBoolean()).isFalse();
    assertThat(JSON.readTree(returned.next()).path("data").asInt()).isEqualTo(2);
  }

  @Test
  @CallsPrograms
  void clientOfAServerThatIsKilledGetsWhatItHasMissedAtAnother() throws Exception {
    Program.require("redis-server");
    try (LocalRedis redis = LocalRedis.start();
        Program first = Sample.server("topics", "--port", "0", "--nodes", redis.uri());
        Program second = Sample.server("topics", "--port", "0", "--nodes", redis.uri())) {
      WebSocketTexts reader = client(first);
      subscribes(reader, "shared", "");
      WebSocketTexts publisher = client(second);
      publisher.sends("{\"publish\":\"shared\",\"data\":1,\"id\":1}");
      assertThat(publisher.next()).startsWith("{\"published\":1,");
      JsonNode got = JSON.readTree(reader.next());
      assertThat(got.path("data").asInt()).isEqualTo(1);
      first.kill();
      publisher.sends("{\"publish\":\"shared\",\"data\":2,\"id\":2}");
      assertThat(publisher.next()).startsWith("{\"published\":2,");
      WebSocketTexts returned = client(second);
      String after = ",\"after\":{\"shared\":\"" + got.path("position").asString() + "\"}";
      assertThat(subscribes(returned, "shared", after).path("replayed").asInt()).isEqualTo(1);
      assertThat(JSON.readTree(returned.next()).path("data").asInt()).isEqualTo(2);
      assertThat(second.terminate().exitStatus()).isZero();
    }
  }

  @Test
  @CallsPrograms
  void pagesSeeEachOthersMessages(@TempDir Path profile) throws Exception {
    try (Browser browser = Browser.start(profile)) { // or skips the test
      String page = "http://127.0.0.1:" + server.port() + "/";
      browser.opens(page).awaits(shows("following lobby"));
      String first = browser.window();
      browser.opensWindow();
      browser.opens(page).awaits(shows("following lobby"));
      browser.runs(
          "const [, publish] = document.forms; publish.message.value = '<b>hello</b>';"
              + " publish.requestSubmit()");
      browser.awaits(shows("<b>hello</b>"));
      browser.goesTo(first).awaits(shows("<b>hello</b>"));
      browser.runs(
          "const [follow] = document.forms; follow.topic.value = 'other'; follow.requestSubmit()");
      browser.awaits(shows("following other"));
      assertThat(browser.console()).isEmpty();
    }
  }

  /** Returns an expression that is true when the page shows a message. */
  private static String shows(String message) {
    return "document.getElementById('messages').textContent.includes('" + message + "')";
  }
}
