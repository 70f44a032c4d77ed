package dev.jev.websocket;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.jev.Handler;
import dev.jev.Server;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Interoperability with the JDK's clients. */
class OtherClientsTest {

  private final Handler<WebSocketMessage, WebSocketMessage> echo =
      (connection, message) -> connection.send(message);
  private Server server;

  @BeforeEach
  void start() {
    server =
        Server.builder(
                WebSocketProtocol.server()
                    .path("/ws")
                    .subprotocols("v2", "v1")
                    .http(HttpResponder.classPath("pages"))
                    .build(),
                echo)
            .listen("tcp://127.0.0.1:0")
            .start();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private URI uri(String scheme, String path) {
    return URI.create(scheme + "://127.0.0.1:" + server.port() + path);
  }

  @Test
  void webSocketOfTheJdkConnectsAndTalks() throws Exception {
    BlockingQueue<String> texts = new LinkedBlockingQueue<>();
    BlockingQueue<Integer> codes = new LinkedBlockingQueue<>();
    WebSocket socket =
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .subprotocols("v1", "v2")
            .buildAsync(
                uri("ws", "/ws?a=b"),
                new WebSocket.Listener() {
                  @Override
                  public CompletionStage<?> onText(WebSocket ws, CharSequence data, boolean last) {
                    texts.add(data.toString());
                    return WebSocket.Listener.super.onText(ws, data, last);
                  }

                  @Override
                  public CompletionStage<?> onClose(WebSocket ws, int code, String reason) {
                    codes.add(code);
                    return WebSocket.Listener.super.onClose(ws, code, reason);
                  }
                })
            .get(20, SECONDS);
    assertThat(socket.getSubprotocol()).isEqualTo("v2");
    socket.sendText("hello", /* last= */ true).get(20, SECONDS);
    assertThat(texts.poll(20, SECONDS)).isEqualTo("hello");
    socket.sendClose(WebSocket.NORMAL_CLOSURE, "bye").get(20, SECONDS);
    assertThat(codes.poll(20, SECONDS)).isEqualTo(1000);
  }

  @Test
  void webSocketOfTheJdkSeesTheStatus() {
    CompletionStage<WebSocket> socket =
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .buildAsync(uri("ws", "/other"), new WebSocket.Listener() {});
    assertThatExceptionOfType(CompletionException.class)
        .isThrownBy(() -> socket.toCompletableFuture().orTimeout(20, SECONDS).join())
        .withCauseInstanceOf(WebSocketHandshakeException.class)
        .satisfies(
            e ->
                assertThat(((WebSocketHandshakeException) e.getCause()).getResponse().statusCode())
                    .isEqualTo(404));
  }

  @Test
  void httpClientOfTheJdkReadsPages() throws Exception {
    HttpClient client = HttpClient.newHttpClient();
    for (int i = 0; i < 3; i++) { // the client offers h2c
      HttpRequest request = HttpRequest.newBuilder(uri("http", "/")).build();
      var response = client.send(request, BodyHandlers.ofString());
      assertThat(response.statusCode()).isEqualTo(200);
      assertThat(response.body()).startsWith("<p>home");
    }
  }
}
