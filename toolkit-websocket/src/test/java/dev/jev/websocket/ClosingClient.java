package dev.jev.websocket;

import dev.jev.Server;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Sends a message with the JDK's client, and returns the code and reason of the close frame. */
final class ClosingClient {

  private ClosingClient() {}

  static String closeAfter(Server server, String text) throws Exception {
    return closeAfter(server, socket -> socket.sendText(text, true));
  }

  static String closeAfter(Server server, byte[] bytes) throws Exception {
    return closeAfter(server, socket -> socket.sendBinary(ByteBuffer.wrap(bytes), true));
  }

  private static String closeAfter(Server server, Consumer<WebSocket> send) throws Exception {
    CompletableFuture<String> close = new CompletableFuture<>();
    WebSocket.Listener listener =
        new WebSocket.Listener() {
          @Override
          public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
            close.complete(code + " " + reason);
            return null;
          }
        };
    URI uri = URI.create("ws://127.0.0.1:" + server.port() + "/");
    send.accept(HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(uri, listener).join());
    return close.get(20, TimeUnit.SECONDS);
  }
}
