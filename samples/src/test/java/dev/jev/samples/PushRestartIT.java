package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Eventually;
import dev.jev.Program;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The sample `push` when its server restarts, and when phones may join. */
@Timeout(180)
class PushRestartIT {

  private static final JsonMapper JSON = new JsonMapper();
  private static final int SUBSCRIBERS = 500;

  private static JsonNode next(WebSocketTexts page, String type) throws Exception {
    JsonNode message;
    do {
      message = JSON.readTree(page.next());
    } while (!message.get("type").asString().equals(type));
    return message;
  }

  private static void awaitsConnections(WebSocketTexts page, int count) throws Exception {
    int connections = 0;
    while (connections < count) {
      connections = next(page, "numbers").get("connections").asInt();
    }
  }

  private static boolean listens(int port) {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      return socket.isConnected();
    } catch (IOException e) {
      return false;
    }
  }

  @Test
  void restartBringsAllConnectionsBack() throws Exception {
    try (Program server = Sample.server("push", "--port", "0", "--period-ms", "100")) {
      WebSocketTexts page = WebSocketTexts.connect(server, "/live");
      page.sends("{\"type\":\"rate\",\"perSecond\":1}");
      page.sends("{\"type\":\"subscribers\",\"change\":" + SUBSCRIBERS + "}");
      awaitsConnections(page, SUBSCRIBERS + 1);
      page.sends("{\"type\":\"restart\"}");
      assertThat(page.code()).isEqualTo(1012);

      Eventually.holds("the next server listens", () -> listens(server.port()));
      WebSocketTexts again = WebSocketTexts.connect(server, "/live");
      JsonNode back = next(again, "restarted");
      assertThat(back.get("before").asInt()).isEqualTo(SUBSCRIBERS + 1);
      awaitsConnections(again, SUBSCRIBERS + 1);
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(again.code()).isEqualTo(1012);
    }
  }

  @Test
  void shareIsForOneNode() throws Exception {
    try (Program server = Sample.start("push", "--share", "--nodes", "redis://127.0.0.1:1")) {
      assertThat(server.exitStatus()).isEqualTo(2);
      assertThat(server.errors()).anyMatch(l -> l.contains("--share: with --nodes (expected: one"));
    }
  }

  @Test
  void sharedPageHasAnAddressAndItsCode() throws Exception {
    try (Program server = Sample.server("push", "--port", "0", "--share")) {
      JsonNode welcome = next(WebSocketTexts.connect(server, "/live"), "welcome");
      URI code = URI.create("http://127.0.0.1:" + server.port() + "/share.svg");
      HttpURLConnection request = (HttpURLConnection) code.toURL().openConnection();
      if (welcome.get("url").isNull()) { // the machine is in no network
        assertThat(request.getResponseCode()).isEqualTo(404);
        return;
      }
      String url = welcome.get("url").asString();
      assertThat(url).matches("http://[^/]+:" + server.port() + "/");
      String svg = new String(request.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(svg).contains("<title>" + url + "</title>").contains("<path d=\"M4,4h1");
      assertThat(URI.create(url).toURL().openConnection().getInputStream().readAllBytes())
          .asString()
          .contains("<title>Jev, live</title>");
    }
  }

  @Test
  void pageIsNotSharedByDefault() throws Exception {
    try (Program server = Sample.server("push", "--port", "0")) {
      JsonNode welcome = next(WebSocketTexts.connect(server, "/live"), "welcome");
      assertThat(welcome.get("url").isNull()).isTrue();
    }
  }
}
