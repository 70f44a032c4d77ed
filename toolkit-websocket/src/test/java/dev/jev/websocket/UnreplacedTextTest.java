package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Recorder;
import dev.jev.Server;
import java.net.URI;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests that no character becomes a question mark on its way to the peer. */
class UnreplacedTextTest {

  private static final String HALF = "a\uD83Db";

  /** A text in a place where it has to be encoded. */
  private record Row(String message, ThrowingCallable call) {
    @Override
    public String toString() {
      return message;
    }
  }

  private static Row half(String name, int index, ThrowingCallable call) {
    String expected = " (expected: Unicode, without half a surrogate pair)";
    return new Row(name + ": U+D83D at index " + index + expected, call);
  }

  static Stream<Row> rows() {
    WebSocketServerBuilder server = WebSocketProtocol.server();
    WebSocketClientBuilder client = WebSocketProtocol.client(URI.create("ws://a"));
    return Stream.of(
        half("text", 1, () -> pack(HALF)),
        half("text", 2, () -> pack("\u00E4" + HALF)),
        half("text", 3, () -> pack("ab\uD83D\uDE00".substring(0, 2) + "c\uD83D")),
        half("close reason", 1, () -> WebSocketMessage.close(1000, HALF)),
        half("text", 1, () -> HttpResponse.of(200).text(HALF)),
        half("path", 2, () -> server.path("/" + HALF)),
        half("path", 2, () -> HttpResponder.at("/" + HALF, () -> HttpResponse.of(200))),
        half("uri", 2, () -> WebSocketProtocol.client(URI.create("ws://a/" + HALF))),
        new Row(
            "header X-Name: U+00E4 at index 2 (expected: ASCII text)",
            () -> client.header("X-Name", "Chät")),
        new Row(
            "header X-Name: U+00E4 at index 2 (expected: ASCII text)",
            () -> HttpResponse.of(200).header("X-Name", "Chät")),
        new Row("header name: Chät (expected: a token)", () -> client.header("Chät", "a")),
        new Row("subprotocol: chät (expected: a token)", () -> client.subprotocols("chät")),
        new Row("subprotocol: chät (expected: a token)", () -> server.subprotocols("chät")),
        new Row(
            "header Content-Type: U+00E4 at index 7 (expected: ASCII text)",
            () -> HttpResponse.of(200).body("text/chät", new byte[0])));
  }

  private static void pack(String text) {
    try (LoopbackPair pair = new LoopbackPair(Role.SERVER, null, 100)) {
      pair.pack(WebSocketMessage.text(text));
    }
  }

  @ParameterizedTest
  @MethodSource("rows")
  void textThatCannotBeEncodedIsRefused(Row row) {
    assertThatIllegalArgumentException().isThrownBy(row.call).withMessage(row.message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a", "?", "a?\u00E4", "\u07FF\u0800", "\uFFFD", "x\uD83D\uDE00y"})
  void otherTextIsEncoded(String text) {
    assertThat(StrictText.utf8Bytes("text", text)).isEqualTo(text.getBytes(UTF_8).length);
    assertThat(StrictText.utf8("text", text)).asString(UTF_8).isEqualTo(text);
  }

  @Test
  void uriIsPercentEncodedAsUtf8AndFoundByTheServer() throws Exception {
    CompletableFuture<HttpRequest> seen = new CompletableFuture<>();
    Recorder<WebSocketMessage, WebSocketMessage> atServer = Recorder.silent();
    Recorder<WebSocketMessage, WebSocketMessage> atClient = Recorder.silent();
    WebSocketServerBuilder sockets =
        WebSocketProtocol.server()
            .path("/chät")
            .onUpgrade(
                request -> {
                  seen.complete(request);
                  return CompletableFuture.completedFuture(HttpResponse.accept());
                });
    try (Server server =
        Server.builder(sockets.build(), atServer).listen("tcp://127.0.0.1:0").start()) {
      String uri = "ws://127.0.0.1:" + server.port() + "/chät?raum=größe%20?&e=\uD83D\uDE00";
      WebSocketClientBuilder protocol = WebSocketProtocol.client(URI.create(uri));
      try (Client<WebSocketMessage> client =
          Client.builder(protocol.build(), atClient).connect(protocol.address())) {
        Connection<WebSocketMessage> connection = atClient.connection();
        String target = "/ch%C3%A4t?raum=gr%C3%B6%C3%9Fe%20?&e=%F0%9F%98%80";
        assertThat(seen.get().target()).isEqualTo(target);
        assertThat(connection.attribute(WebSocketHandshake.class).request().target())
            .isEqualTo(target);
        assertThat(seen.get().parameter("raum")).isEqualTo("größe ?");
        assertThat(seen.get().parameter("e")).isEqualTo("\uD83D\uDE00");
        assertThat(client.isConnected()).isTrue();
      }
    }
  }
}
