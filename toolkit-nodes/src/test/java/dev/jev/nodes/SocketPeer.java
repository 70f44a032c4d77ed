package dev.jev.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Server;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A client of a {@link TopicSocket}, with the WebSocket of the JDK. */
final class SocketPeer implements AutoCloseable {

  private static final HttpClient CLIENT = HttpClient.newHttpClient();

  private final BlockingQueue<String> texts = new LinkedBlockingQueue<>();
  private final CompletableFuture<Integer> closed = new CompletableFuture<>();
  private final WebSocket socket;

  private SocketPeer(Server server, WebSocket.Builder builder) {
    URI uri = URI.create("ws://127.0.0.1:" + server.port() + "/");
    socket = builder.buildAsync(uri, new Listener()).join();
  }

  /** Connects, and expects the heartbeat at the beginning. */
  static SocketPeer connect(Server server) throws Exception {
    SocketPeer peer =
        new SocketPeer(server, CLIENT.newWebSocketBuilder().subprotocols(TopicSocket.SUBPROTOCOL));
    assertThat(peer.receive()).startsWith("{\"heartbeat\":");
    return peer;
  }

  /** Connects without the subprotocol. */
  static SocketPeer connectPlain(Server server) {
    return new SocketPeer(server, CLIENT.newWebSocketBuilder());
  }

  SocketPeer send(String text) throws Exception {
    socket.sendText(text, /* last= */ true).get(10, TimeUnit.SECONDS);
    return this;
  }

  void sendBinary() throws Exception {
    socket.sendBinary(ByteBuffer.allocate(1), /* last= */ true).get(10, TimeUnit.SECONDS);
  }

  String receive() throws Exception {
    String text = texts.poll(10, TimeUnit.SECONDS);
    assertThat(text).as("a message; close code: " + closed.getNow(null)).isNotNull();
    return text;
  }

  /** Returns the next message, or null if none comes within a time. */
  @Nullable String poll(Duration time) throws Exception {
    return texts.poll(time.toMillis(), TimeUnit.MILLISECONDS);
  }

  void expect(String... expected) throws Exception {
    for (String text : expected) {
      assertThat(receive()).isEqualTo(text);
    }
  }

  /** Expects that all commands so far have had no further answer. */
  void expectNothingElse() throws Exception {
    send("{\"unsubscribe\":[\"nothing else\"]}").expect("{\"unsubscribed\":\"nothing else\"}");
  }

  /** Expects the close, with nothing before it. */
  void expectClose(int code) throws Exception {
    assertThat(closeCode()).isEqualTo(code);
    assertThat(texts).isEmpty();
  }

  /** Subscribes; returns the position of the beginning. */
  String subscribe(String topic) throws Exception {
    send("{\"subscribe\":[\"" + topic + "\"]}");
    return position(receive());
  }

  static String position(String message) {
    String name = "\"position\":\"";
    int start = message.indexOf(name);
    assertThat(start).as(message).isPositive();
    int from = start + name.length();
    return message.substring(from, message.indexOf('"', from));
  }

  int closeCode() throws Exception {
    return closed.get(10, TimeUnit.SECONDS);
  }

  @Override
  public void close() {
    socket.abort();
  }

  private final class Listener implements WebSocket.Listener {

    private final StringBuilder text = new StringBuilder();

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
      text.append(data);
      if (last) {
        texts.add(text.toString());
        text.setLength(0);
      }
      socket.request(1);
      return CompletableFuture.completedStage(null);
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      closed.complete(code);
      return CompletableFuture.completedStage(null);
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
      closed.completeExceptionally(error);
    }
  }
}
