package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Eventually;
import dev.jev.Program;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The drawing of the sample `push`, a topic that clients read by position. */
@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PushDrawingIT {

  private static final JsonMapper JSON = new JsonMapper();

  private Program server;
  private WebSocketTexts page;
  private String begin; // the position behind which the board is empty

  @BeforeAll
  void start() throws Exception {
    server = push();
  }

  @AfterAll
  void stop() throws Exception {
    stop(server);
  }

  private static Program push() throws Exception {
    return Sample.server("push", "--port", "0");
  }

  private static void stop(Program server) throws Exception {
    try (server) {
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @BeforeEach
  void clear() throws Exception {
    page = WebSocketTexts.connect(server, "/live");
    WebSocketTexts reader = topics(server).sends("{\"subscribe\":[\"drawing\"]}");
    expectSubscribed(reader, /* replayed= */ 0, /* lost= */ false);
    page.sends("{\"type\":\"clear\"}");
    JsonNode message = JSON.readTree(reader.next());
    assertThat(message.path("data").toString()).isEqualTo("{\"type\":\"cleared\"}");
    begin = message.path("position").asString();
    reader.cuts();
  }

  private static WebSocketTexts topics(Program server) throws Exception {
    WebSocketTexts topics = WebSocketTexts.connect(server, "/topics", "jev.topics.v1");
    assertThat(topics.next()).matches("\\{\"heartbeat\":\\d+}");
    return topics;
  }

  private static WebSocketTexts reader(Program server, String after) throws Exception {
    String subscribe = "{\"subscribe\":[\"drawing\"],\"after\":{\"drawing\":\"" + after + "\"}}";
    return topics(server).sends(subscribe);
  }

  private static void expectSubscribed(WebSocketTexts reader, int replayed, boolean lost)
      throws Exception {
    JsonNode subscribed = JSON.readTree(reader.next());
    assertThat(subscribed.path("subscribed").asString()).isEqualTo("drawing");
    assertThat(subscribed.path("replayed").asInt()).isEqualTo(replayed);
    assertThat(subscribed.path("lost").asBoolean()).isEqualTo(lost);
  }

  private void draws(int stroke, int from, String points) throws Exception {
    page.sends(
        "{\"type\":\"draw\",\"stroke\":%d,\"from\":%d,\"points\":[%s]}"
            .formatted(stroke, from, points));
  }

  /** Expects a part of a stroke as the next message; returns the position behind it. */
  private static String expectStroke(WebSocketTexts reader, int stroke, int from, String points)
      throws Exception {
    JsonNode message = JSON.readTree(reader.next());
    JsonNode data = message.path("data");
    assertThat(data.path("type").asString()).as("%s", message).isEqualTo("stroke");
    assertThat(data.path("stroke").asInt()).isEqualTo(stroke);
    assertThat(data.path("from").asInt()).isEqualTo(from);
    assertThat(data.path("points").toString()).isEqualTo("[" + points + "]");
    return message.get("position").asString();
  }

  @Test
  void laterReaderGetsWhatWasDrawnSinceTheBoardWasEmpty() throws Exception {
    draws(1, 0, "0,10000,1,2");
    draws(1, 2, "3,4");
    draws(1, 7, "5,5"); // a gap: refused
    draws(2, 0, "6,6");
    WebSocketTexts first = reader(server, begin);
    first.expectMatch("\\{\"subscribed\".*");
    expectStroke(first, 1, 0, "0,10000,1,2");
    expectStroke(first, 1, 2, "3,4");
    expectStroke(first, 2, 0, "6,6");
    WebSocketTexts later = reader(server, begin);
    expectSubscribed(later, /* replayed= */ 3, /* lost= */ false);
    expectStroke(later, 1, 0, "0,10000,1,2");
  }

  @Test
  void newPageReadsAllThatTheLogKeeps() throws Exception {
    Program fresh = push();
    WebSocketTexts drawer = WebSocketTexts.connect(fresh, "/live");
    drawer.sends("{\"type\":\"draw\",\"stroke\":1,\"from\":0,\"points\":[1,2]}");
    drawer.sends("{\"type\":\"clear\"}");
    drawer.sends("{\"type\":\"draw\",\"stroke\":2,\"from\":0,\"points\":[3,4]}");
    Eventually.holds("three messages", () -> replayed(fresh) == 3);
    WebSocketTexts reader = reader(fresh, "oldest");
    expectSubscribed(reader, /* replayed= */ 3, /* lost= */ false);
    expectStroke(reader, 1, 0, "1,2");
    reader.expectMatch(".*\\{\"type\":\"cleared\"}}");
    expectStroke(reader, 2, 0, "3,4");
    stop(fresh);
  }

  private static int replayed(Program server) throws Exception {
    WebSocketTexts reader = reader(server, "oldest");
    int replayed = JSON.readTree(reader.next()).path("replayed").asInt();
    reader.cuts();
    return replayed;
  }

  @Test
  void readerWhoseConnectionIsCutGetsExactlyTheMissingStrokes() throws Exception {
    WebSocketTexts other = reader(server, begin);
    WebSocketTexts reader = reader(server, begin);
    expectSubscribed(other, /* replayed= */ 0, /* lost= */ false);
    expectSubscribed(reader, /* replayed= */ 0, /* lost= */ false);
    draws(1, 0, "1,1");
    draws(1, 1, "2,2");
    expectStroke(reader, 1, 0, "1,1");
    String position = expectStroke(reader, 1, 1, "2,2");
    reader.cuts();
    draws(2, 0, "3,3");
    draws(2, 1, "4,4");
    expectStroke(other, 1, 0, "1,1");
    expectStroke(other, 1, 1, "2,2");
    expectStroke(other, 2, 0, "3,3");
    expectStroke(other, 2, 1, "4,4");
    WebSocketTexts again = reader(server, position);
    expectSubscribed(again, /* replayed= */ 2, /* lost= */ false);
    expectStroke(again, 2, 0, "3,3");
    expectStroke(again, 2, 1, "4,4");
    draws(3, 0, "5,5");
    expectStroke(again, 3, 0, "5,5");
  }

  @Test
  void readerIsToldThatTheLogIsLostWithTheProcess() throws Exception {
    Program next = push();
    expectSubscribed(reader(next, begin), /* replayed= */ 0, /* lost= */ true);
    expectSubscribed(reader(next, "oldest"), /* replayed= */ 0, /* lost= */ false);
    stop(next);
  }

  @Test
  void clientsMayReadTheDrawingOnly() throws Exception {
    WebSocketTexts topics = topics(server);
    topics.sends("{\"publish\":\"drawing\",\"id\":1,\"data\":{\"type\":\"cleared\"}}");
    assertThat(topics.next()).startsWith("{\"failed\":1,\"outcome\":\"denied\"");
    topics.sends("{\"subscribe\":[\"another\"]}");
    assertThat(topics.next()).startsWith("{\"denied\":\"another\"");
  }
}
