package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.LogCapture;
import dev.jev.Recorder;
import dev.jev.Server;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The request of a client and the responses that it accepts. */
class ClientHandshakeTest {

  private final Recorder<WebSocketMessage, WebSocketMessage> recorder = Recorder.silent();
  private final CloseReasons closeReasons = new CloseReasons();
  private ServerSocket listener;
  private @Nullable Client<WebSocketMessage> client;

  @BeforeEach
  void listen() throws IOException {
    listener = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
    listener.setSoTimeout(20_000);
  }

  @AfterEach
  void close() throws IOException {
    if (client != null) {
      client.close();
    }
    listener.close();
    recorder.expectNothingMore();
  }

  private Socket connect(String scheme, String rest, Consumer<WebSocketClientBuilder> options)
      throws IOException {
    String uri = scheme + "://127.0.0.1:" + listener.getLocalPort() + rest;
    WebSocketClientBuilder protocol = WebSocketProtocol.client(URI.create(uri));
    options.accept(protocol);
    client =
        Client.builder(protocol.build(), recorder)
            .plugin(closeReasons)
            .handshakeTimeout(Duration.ofSeconds(20))
            .lingeringCloseTimeout(Duration.ofMillis(50))
            .connect(protocol.address());
    Socket peer = listener.accept();
    peer.setTcpNoDelay(true);
    peer.setSoTimeout(20_000);
    return peer;
  }

  private static List<String> readHead(Socket peer) throws IOException {
    InputStream in = peer.getInputStream();
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    while (!head.toString(ISO_8859_1).endsWith("\r\n\r\n")) {
      head.write(in.read());
    }
    return List.of(head.toString(ISO_8859_1).split("\r\n", -1));
  }

  private static String key(List<String> request) {
    String start = "Sec-WebSocket-Key: ";
    return request.stream()
        .filter(line -> line.startsWith(start))
        .map(line -> line.substring(start.length()))
        .findFirst()
        .orElseThrow();
  }

  private static void write(Socket peer, String bytes) throws IOException {
    peer.getOutputStream().write(bytes.getBytes(ISO_8859_1));
  }

  private static List<String> answerLines(String key) {
    return List.of(
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Accept: " + HandshakeKey.answer(key));
  }

  private static String answer(String key, String... more) {
    List<String> lines = new ArrayList<>(answerLines(key));
    lines.addAll(List.of(more));
    return HttpPeer.head(lines);
  }

  @Test
  void requestIsMadeFromTheUriAndTheOptions() throws Exception {
    Consumer<WebSocketClientBuilder> options =
        builder -> builder.subprotocols("v2", "v1").header("Authorization", "Bearer x");
    try (Socket peer = connect("ws", "/a%20b?c=d", options)) {
      List<String> request = readHead(peer);
      assertThat(request)
          .startsWith(
              "GET /a%20b?c=d HTTP/1.1",
              "Host: 127.0.0.1:" + listener.getLocalPort(),
              "Upgrade: websocket",
              "Connection: Upgrade")
          .contains(
              "Sec-WebSocket-Version: 13",
              "Sec-WebSocket-Protocol: v2, v1",
              "Authorization: Bearer x")
          .noneMatch(line -> line.startsWith("Origin") || line.startsWith("Sec-WebSocket-Ext"));
      assertThat(HandshakeKey.isValid(key(request))).isTrue();
      write(peer, answer(key(request), "Sec-WebSocket-Protocol: v1", "X-Any: 1"));
      Connection<WebSocketMessage> connection = recorder.connection();
      WebSocketHandshake settled = connection.attribute(WebSocketHandshake.class);
      assertThat(settled.subprotocol()).isEqualTo("v1");
      assertThat(settled.request().target()).isEqualTo("/a%20b?c=d");
      assertThat(settled.request().header("Authorization")).isEqualTo("Bearer x");
      assertThat(settled.response().headers()).contains(Map.entry("X-Any", "1"));
    }
    recorder.expect("connect", "close PEER_CLOSED");
  }

  @Test
  void keyIsNewForEachConnection() {
    assertThat(Stream.generate(HandshakeKey::random).limit(100)).doesNotHaveDuplicates();
  }

  @Test
  void frameRightAfterTheResponseIsNotLost() throws Exception {
    try (Socket peer = connect("ws", "", builder -> {})) {
      write(peer, answer(key(readHead(peer)), "X: y") + "\u0081\u0005hello");
      recorder.expect("connect", "message Text[5 bytes]");
    }
    recorder.expect("close PEER_CLOSED");
  }

  @Test
  void responseMayComeByteByByteAndAfterInterimResponses() throws Exception {
    try (Socket peer = connect("ws", "", builder -> builder.subprotocols("a"))) {
      String all =
          "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
              + answer(key(readHead(peer)))
              + "\u0081\u0005hello";
      for (int i = 0; i < all.length(); i++) {
        write(peer, all.substring(i, i + 1));
      }
      recorder.expect("connect", "message Text[5 bytes]");
    }
    recorder.expect("close PEER_CLOSED");
  }

  @Test
  void interimResponsesAreLimited() throws Exception {
    String interim = "HTTP/1.1 103 Early Hints\r\n\r\n";
    try (Socket peer = connect("ws", "/", builder -> {})) {
      write(peer, interim.repeat(10) + answer(key(readHead(peer))));
      recorder.expect("connect");
    }
    recorder.expect("close PEER_CLOSED");
    client.close();
    closeReasons.expect("PEER_CLOSED");
    try (Socket peer = connect("ws", "/", builder -> {})) {
      write(peer, interim.repeat(11));
      closeReasons.expect(
          "PROTOCOL_ERROR: handshake: interim responses: more than 10 (expected: <= 10)");
    }
  }

  /**
   * An invalid response.
   *
   * @param change the change to the lines of a valid response
   */
  private record Row(String name, Change change, String fault) {
    private interface Change {
      List<String> of(List<String> lines);
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private static Row instead(String line, String fault) {
    String start = line.substring(0, Math.min(9, line.length()));
    return new Row(
        line, lines -> lines.stream().map(l -> l.startsWith(start) ? line : l).toList(), fault);
  }

  private static Row with(String line, String fault) {
    return new Row(line, lines -> Stream.concat(lines.stream(), Stream.of(line)).toList(), fault);
  }

  static Stream<Row> rows() {
    String upgrade = "header Upgrade: missing or different (expected: websocket)";
    String accept = "header Sec-WebSocket-Accept: wrong (expected: the answer to the key)";
    String protocol = "header Sec-WebSocket-Protocol: not offered (expected: one that was offered)";
    String line = "status line: malformed (expected: HTTP/1.1, status and reason)";
    return Stream.of(
        instead("HTTP/1.1 200 OK", "status: 200 (expected: 101)"),
        instead("HTTP/1.1 302 Found", "status: 302 (expected: 101)"),
        instead("HTTP/1.1 401 Unauthorized", "status: 401 (expected: 101)"),
        instead("HTTP/1.1 503", "status: 503 (expected: 101)"),
        instead("HTTP/1.1 1O1 Switching Protocols", line),
        instead("HTTP/1.1 999 Switching Protocols", line),
        new Row("HTTP/2", lines -> List.of("HTTP/2 101"), line),
        new Row("SSH", lines -> List.of("SSH-2.0-OpenSSH_9.2"), line),
        instead("Upgrade: h2c", upgrade),
        instead("Upgrade: websocket, h2c", upgrade),
        with("Upgrade: websocket", upgrade),
        instead("Connection: close", "header Connection: without Upgrade (expected: Upgrade)"),
        with("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", accept),
        new Row("no Accept", lines -> lines.subList(0, 3), accept),
        new Row("an answer to another key", lines -> answerLines("x"), accept),
        with(
            "Sec-WebSocket-Extensions: permessage-deflate",
            "header Sec-WebSocket-Extensions: set (expected: none, as none was offered)"),
        with("Sec-WebSocket-Protocol: b", protocol),
        with("Sec-WebSocket-Protocol: a, a", protocol),
        new Row(
            "subprotocol twice",
            lines ->
                Stream.concat(
                        lines.stream(),
                        Stream.of("Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: a"))
                    .toList(),
            protocol),
        with("X-Any : a", "header name: character 0x20 (expected: a token and a colon)"),
        with(" folded", "header line: character 0x20 (expected: no leading whitespace)"),
        with("X: " + "x".repeat(9000), "header lines: more than 8192 bytes (expected: <= 8192)"));
  }

  @ParameterizedTest
  @MethodSource("rows")
  void invalidResponseClosesTheConnectionWithItsFault(Row row) throws Exception {
    try (LogCapture log = new LogCapture("dev.jev");
        Socket peer = connect("ws", "/", builder -> builder.subprotocols("a"))) {
      String key = key(readHead(peer));
      write(peer, HttpPeer.head(row.change.of(answerLines(key))));
      closeReasons.expect("PROTOCOL_ERROR: handshake: " + row.fault);
      assertThat(log.messages("PROTOCOL_ERROR")).isEmpty();
    }
  }

  @Test
  void refusedHandshakeFailsTheClient() throws Exception {
    try (Socket peer = connect("ws", "/", builder -> {})) {
      readHead(peer);
      write(peer, "HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\nsecret");
      assertThat(client.connected().toCompletableFuture())
          .failsWithin(Duration.ofSeconds(20))
          .withThrowableThat()
          .withStackTraceContaining("handshake: status: 403 (expected: 101)");
    }
  }

  @Test
  void wssWithoutTlsSendsNothing() throws Exception {
    try (LogCapture log = new LogCapture("dev.jev");
        Socket peer = connect("wss", "/", builder -> {})) {
      assertThat(peer.getInputStream().read()).isEqualTo(-1);
      closeReasons.expect(
          "PROTOCOL_ERROR: java.lang.IllegalStateException:"
              + " wss: without TLS (expected: the client has the plugin Tls.client)");
      log.await("PROTOCOL_ERROR");
    }
  }

  @Test
  void clientAndServerUnderstandEachOther() throws Exception {
    Recorder<WebSocketMessage, WebSocketMessage> echo =
        new Recorder<>((connection, message) -> connection.send(message));
    try (Server server =
        Server.builder(WebSocketProtocol.server().subprotocols("b", "a").build(), echo)
            .listen("tcp://127.0.0.1:0")
            .start()) {
      WebSocketClientBuilder protocol =
          WebSocketProtocol.client(URI.create("ws://127.0.0.1:" + server.port() + "/chat"))
              .subprotocols("a", "b");
      client = Client.builder(protocol.build(), recorder).connect(protocol.address());
      client.connected().thenAccept(connection -> connection.send(WebSocketMessage.text("hello")));
      recorder.expect("connect", "message Text[5 bytes]");
      assertThat(client.connection().attribute(WebSocketHandshake.class).subprotocol())
          .isEqualTo("b");
      client.close();
      recorder.expect("close CLOSED");
      echo.expect("connect", "message Text[5 bytes]", "close PEER_CLOSED");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"http://a", "a", "ws:///path", "ws:a", "tcp://a:1"})
  void uriIsThatOfAWebSocket(String uri) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> WebSocketProtocol.client(URI.create(uri)))
        .withMessage("uri: " + uri + " (expected: ws://host/... or wss://...)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"ws://a/#b", "ws://user@a/"})
  void uriHasNeitherFragmentNorUser(String uri) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> WebSocketProtocol.client(URI.create(uri)))
        .withMessage("uri: " + uri + " (expected: no fragment, no user info)");
  }

  @Test
  void addressIsThatOfTheUri() {
    assertThat(WebSocketProtocol.client(URI.create("ws://a/b")).address()).isEqualTo("tcp://a:80");
    assertThat(WebSocketProtocol.client(URI.create("WSS://a")).address()).isEqualTo("tcp://a:443");
    assertThat(WebSocketProtocol.client(URI.create("ws://[::1]:8/")).address())
        .isEqualTo("tcp://[::1]:8");
  }

  @Test
  void optionsAreChecked() {
    WebSocketClientBuilder options = WebSocketProtocol.client(URI.create("ws://a"));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> options.subprotocols("a", "a"))
        .withMessage("subprotocols: a duplicate (expected: each once)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> options.header("Host", "a"))
        .withMessage("header Host: set (expected: left to Jev)");
  }
}
