package dev.jev.samples;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Program;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The JDK's WebSocket client. Collects the texts that it receives. */
final class WebSocketTexts implements WebSocket.Listener {

  private static final int TIMEOUT_SECONDS = 60;

  private final BlockingQueue<String> texts = new LinkedBlockingQueue<>();
  private final CompletableFuture<Integer> code = new CompletableFuture<>();
  private final StringBuilder begun = new StringBuilder();
  private @Nullable WebSocket socket;

  private WebSocketTexts() {}

  static WebSocketTexts connect(Program server, String path) throws Exception {
    return connect(server.port(), path);
  }

  static WebSocketTexts connect(int port, String path) throws Exception {
    return connect(HttpClient.newHttpClient().newWebSocketBuilder(), port, path);
  }

  static WebSocketTexts connect(Program server, String path, String subprotocol) throws Exception {
    return connect(server.port(), path, subprotocol);
  }

  static WebSocketTexts connect(int port, String path, String subprotocol, String... others)
      throws Exception {
    return connect(
        HttpClient.newHttpClient().newWebSocketBuilder().subprotocols(subprotocol, others),
        port,
        path);
  }

  private static WebSocketTexts connect(WebSocket.Builder builder, int port, String path)
      throws Exception {
    WebSocketTexts client = new WebSocketTexts();
    client.socket =
        builder
            .buildAsync(URI.create("ws://127.0.0.1:" + port + path), client)
            .get(TIMEOUT_SECONDS, SECONDS);
    return client;
  }

  WebSocketTexts sends(String text) throws Exception {
    assertThat(socket).isNotNull();
    socket.sendText(text, /* last= */ true).get(TIMEOUT_SECONDS, SECONDS);
    return this;
  }

  String next() throws InterruptedException {
    String text = texts.poll(TIMEOUT_SECONDS, SECONDS);
    assertThat(text).as("a text").isNotNull();
    return text;
  }

  /** Skips texts up to and including {@code wanted}. */
  WebSocketTexts expect(String wanted) throws InterruptedException {
    return expectMatch(Pattern.quote(wanted));
  }

  /** Skips texts up to and including one that matches a regular expression. */
  WebSocketTexts expectMatch(String wanted) throws InterruptedException {
    while (!next().matches(wanted)) {
      assertThat(code).as("closed before: %s", wanted).isNotDone();
    }
    return this;
  }

  /** Cuts the connection, without a close frame. */
  void cuts() {
    assertThat(socket).isNotNull();
    socket.abort();
  }

  /** Waits for the close and returns the code of the close frame. */
  int code() throws Exception {
    return code.get(TIMEOUT_SECONDS, SECONDS);
  }

  @Override
  public @Nullable CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
    begun.append(data);
    if (last) {
      texts.add(begun.toString());
      begun.setLength(0);
    }
    socket.request(1);
    return null;
  }

  @Override
  public @Nullable CompletionStage<?> onClose(WebSocket socket, int status, String reason) {
    code.complete(status);
    return null;
  }

  @Override
  public void onError(WebSocket socket, Throwable error) {
    code.completeExceptionally(error);
  }
}
