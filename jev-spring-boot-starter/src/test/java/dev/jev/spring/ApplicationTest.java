package dev.jev.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.Eventually;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.Transport;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.core.env.Environment;
import org.springframework.test.annotation.DirtiesContext;

/** Servers and a client beside a web server, in one application. */
@DirtiesContext // leaves no thread to other tests
@SpringBootTest(
    classes = TestApplication.class,
    webEnvironment = WebEnvironment.RANDOM_PORT,
    properties = {
      "jev.server.echo.listen=tcp://127.0.0.1:0",
      "jev.server.echo.transport=nio",
      "jev.server.echo.event-loops=1",
      "jev.server.chat.listen[0]=tcp://127.0.0.1:0",
      "jev.server.chat.listen[1]=tcp://127.0.0.2:0",
      "jev.server.upper-case.max-connections=1",
      "jev.client.upstream.uri=tcp://127.0.0.1:1",
      "management.endpoints.web.exposure.include=*",
      "management.endpoint.health.show-details=always",
    })
class ApplicationTest {

  private final HttpClient http = HttpClient.newHttpClient();

  @Autowired private JevServers servers;
  @Autowired private JevClients clients;
  @Autowired private Environment environment;

  private HttpResponse<String> get(String path) throws Exception {
    String port = environment.getProperty("local.server.port");
    URI uri = URI.create("http://127.0.0.1:" + port + path);
    return http.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString());
  }

  private static String reply(Server server, String text) throws Exception {
    try (RawPeer peer = RawPeer.connect(server)) {
      return peer.send(text).receive();
    }
  }

  @Test
  void serversOfAllKindsServe() throws Exception {
    assertThat(servers.all()).containsOnlyKeys("echo", "chat", "upperCase", greeter());
    assertThat(reply(servers.get("echo"), "hi")).isEqualTo("hi");
    assertThat(reply(servers.get("upperCase"), "hi")).isEqualTo("HI");
    assertThat(reply(servers.get(greeter()), "Ann")).isEqualTo("hello Ann");
  }

  /** The name of an imported component is that of its class. */
  private static String greeter() {
    return TestApplication.Greeter.class.getName();
  }

  @Test
  void propertiesReplaceOptions() throws Exception {
    Server echo = servers.get("echo");
    assertThat(echo.transport()).isSameAs(Transport.NIO);
    assertThat(echo.eventLoops().count()).isEqualTo(1);
    assertThat(servers.get("chat").addresses()).hasSize(2);
    try (RawPeer first = RawPeer.connect(servers.get("upperCase"))) {
      assertThat(first.send("a").receive()).isEqualTo("A");
      try (RawPeer second = RawPeer.connect(servers.get("upperCase"))) {
        second.expectEnd();
      }
    }
  }

  @Test
  void unknownNamesAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> servers.get("ecoh"))
        .withMessageStartingWith("server: ecoh (expected: one of the running ones: [");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> clients.get("downstream"))
        .withMessage("client: downstream (expected: one of the started ones: [upstream])");
  }

  @Test
  void webSocketEchoes() throws Exception {
    CompletableFuture<String> received = new CompletableFuture<>();
    WebSocket socket =
        http.newWebSocketBuilder()
            .buildAsync(
                URI.create("ws://127.0.0.1:" + servers.get("chat").port() + "/chat"),
                new WebSocket.Listener() {
                  @Override
                  public CompletionStage<?> onText(
                      WebSocket webSocket, CharSequence text, boolean last) {
                    received.complete(text.toString());
                    return WebSocket.Listener.super.onText(webSocket, text, last);
                  }
                })
            .get(10, TimeUnit.SECONDS);
    socket.sendText("hello", /* last= */ true);
    assertThat(received.get(10, TimeUnit.SECONDS)).isEqualTo("hello");
    socket.abort();
  }

  @Test
  void healthNamesTheServers() throws Exception {
    HttpResponse<String> health = get("/actuator/health");
    assertThat(health.statusCode()).isEqualTo(200);
    assertThat(health.body())
        .contains("\"jev\":{\"details\":{\"servers\":{", "\"echo\":\"running\"")
        .contains("\"status\":\"UP\"");
  }

  @Test
  void endpointDescribesServersAndClients() throws Exception {
    try (RawPeer peer = RawPeer.connect(servers.get("echo"))) {
      assertThat(peer.send("hi").receive()).isEqualTo("hi");
      String described = get("/actuator/jev").body();
      assertThat(described)
          .contains(
              "\"echo\":{\"running\":true,\"listen\":[\"tcp://127.0.0.1:0\"],"
                  + "\"addresses\":[\"/127.0.0.1:"
                  + servers.get("echo").port()
                  + "\"],\"transport\":\"NIO\",\"eventLoops\":1,\"connections\":1,"
                  + "\"droppedDatagrams\":0,\"lags\":[")
          .contains("\"upstream\":{\"connected\":false,\"remoteAddress\":null,")
          .contains("\"unavailable\":{")
          .doesNotContain("\"null\"");
    }
    Eventually.holds("it is closed", () -> servers.get("echo").connectionCount() == 0);
    Eventually.holds(
        "the event loop is measured",
        () -> get("/actuator/jev").body().contains("\"lags\":[{\"eventLoop\":\"jev-echo-"));
  }

  @Test
  void serversAndBeansAreMeasured() throws Exception {
    reply(servers.get("upperCase"), "hi");
    Eventually.holds(
        "a message is counted",
        () ->
            get("/actuator/metrics/jev.messages.received?tag=server:upperCase")
                .body()
                .contains("\"value\":"));
    assertThat(
            get("/actuator/metrics/jev.connections?tag=server:upstream&tag=listener:client").body())
        .contains("\"value\":0.0");
    assertThat(get("/actuator/metrics/jev.topic.subscribers?tag=topic:news").body())
        .contains("\"value\":0.0");
  }
}
