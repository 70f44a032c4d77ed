package dev.jev.websocket;

import static dev.jev.websocket.HttpPeer.HANDSHAKE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.websocket.HttpPeer.Reply;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Responses of a server to opening handshakes, byte for byte over a socket. */
class HandshakeTableTest {

  private static final Duration END = Duration.ofSeconds(30); // below the deadlines
  private static final String KEY = "Sec-WebSocket-Key: ";
  private static final String VERSION = "Sec-WebSocket-Version: ";
  private static final String EXTENSIONS = "Sec-WebSocket-Extensions: ";
  private static final String SUBPROTOCOL = "Sec-WebSocket-Protocol: ";

  private static Server server;
  private static Server strict; // requires a subprotocol and an origin

  @BeforeAll
  static void start() throws Exception {
    Handler<WebSocketMessage, WebSocketMessage> echo =
        (connection, message) -> connection.send(message);
    server =
        Server.builder(
                WebSocketProtocol.server().path("/ws").subprotocols("v2", "v1").build(), echo)
            .listen("tcp://127.0.0.1:0")
            .handshakeTimeout(Duration.ofMinutes(1))
            .lingeringCloseTimeout(Duration.ofMinutes(1))
            .start();
    strict =
        Server.builder(
                WebSocketProtocol.server()
                    .subprotocols("v2")
                    .requireSubprotocol()
                    .requireOrigin()
                    .build(),
                echo)
            .listen("tcp://127.0.0.1:0")
            .handshakeTimeout(Duration.ofMinutes(1))
            .lingeringCloseTimeout(Duration.ofMinutes(1))
            .start();
    for (Server each : List.of(server, strict)) { // loads the classes
      try (HttpPeer peer = HttpPeer.connect(each)) {
        peer.get("/").read();
      }
    }
  }

  @AfterAll
  static void stop() {
    server.close();
    strict.close();
  }

  /** A row of the table: a request and the expected response. */
  private record Row(String name, String request, int status, List<String> answer, Server of) {

    Row(String name, String request, int status, String... answer) {
      this(name, request, status, List.of(answer), server);
    }

    Row onStrictServer() {
      return new Row(name, request, status, answer, strict);
    }

    @Override
    public String toString() {
      return name + ": " + status;
    }
  }

  private static Row row(
      String name, UnaryOperator<List<String>> change, int status, String... answer) {
    return new Row(name, HttpPeer.head(change.apply(new ArrayList<>(HANDSHAKE))), status, answer);
  }

  /** Returns the handshake with another request line. */
  private static Row first(String line, int status, String... answer) {
    return row(line, lines -> replaced(lines, 0, line), status, answer);
  }

  /** Returns the handshake with more header lines at its end. */
  private static Row with(int status, String... more) {
    return new Row(String.join(", ", more), HttpPeer.handshake(more), status);
  }

  /** Returns the handshake with {@code lines} instead of the header line with that name. */
  private static Row instead(int status, String... lines) {
    return new Row(String.join(", ", lines), HttpPeer.head(but(lines)), status);
  }

  private static Row without(String name, int status, String... answer) {
    String start = name + ":";
    return row(
        "no " + name,
        lines -> lines.stream().filter(line -> !line.startsWith(start)).toList(),
        status,
        answer);
  }

  private static List<String> but(String... lines) {
    String start = lines[0].substring(0, lines[0].indexOf(':') + 1);
    List<String> all =
        new ArrayList<>(HANDSHAKE.stream().filter(line -> !line.startsWith(start)).toList());
    all.addAll(List.of(lines));
    return all;
  }

  private static List<String> replaced(List<String> lines, int index, String line) {
    lines.set(index, line);
    return lines;
  }

  /** Returns the handshake with {@code old} replaced by other bytes. */
  private static Row bytes(String name, String old, String other, int status) {
    String request = HttpPeer.handshake("X-Any: value");
    assertThat(request).contains(old);
    return new Row(name, request.replace(old, other), status);
  }

  static Stream<Row> rows() {
    return Stream.of(
            lines(),
            hosts(),
            upgrades(),
            keys(),
            versions(),
            origins(),
            syntax(),
            limits(),
            contents(),
            targets(),
            subprotocols(),
            extensions())
        .flatMap(rows -> rows);
  }

  private static Stream<Row> lines() {
    return Stream.of(
        row("the handshake", lines -> lines, 101, "Sec-WebSocket-Accept: " + HttpPeer.ACCEPT),
        first("POST /ws HTTP/1.1", 405, "Allow: GET"),
        first("HEAD /ws HTTP/1.1", 405, "Allow: GET"),
        first("get /ws HTTP/1.1", 405),
        first("GET /ws HTTP/1.0", 505),
        first("GET /ws HTTP/2.0", 505),
        first("GET /ws HTTP/0.9", 505),
        first("GET /ws HTTP/1.2", 101),
        first("GET /ws HTTP/1.10", 400),
        first("GET /ws http/1.1", 400),
        first("GET /ws ICAP/1.1", 400),
        first("GET /ws", 400),
        first("GET  /ws HTTP/1.1", 400),
        first("GET /ws  HTTP/1.1", 400),
        first("GET /ws HTTP/1.1 ", 400),
        first("GET\t/ws HTTP/1.1", 400),
        first("GET /w s HTTP/1.1", 400),
        first("GET /\u00e4 HTTP/1.1", 400),
        first("G@T /ws HTTP/1.1", 400));
  }

  private static Stream<Row> hosts() {
    return Stream.of(
        without("Host", 400),
        instead(400, "Host: server.example.com", "Host: server.example.com"),
        instead(400, "Host: server.example.com", "host: other.example.com"),
        instead(400, "Host: "),
        instead(400, "Host: a b"),
        instead(400, "Host: a/b"),
        instead(400, "Host: user@a"),
        instead(400, "Host: a, b:x"),
        instead(400, "Host: a:port"),
        instead(400, "Host: [::1"),
        instead(400, "Host: a:123456"),
        instead(101, "Host: [::1]:80"),
        instead(101, "Host: [::1]:"),
        instead(101, "Host: a:"),
        instead(101, "Host: 127.0.0.1:8080"));
  }

  private static Stream<Row> upgrades() {
    String[] told = {"Upgrade: websocket", "Sec-WebSocket-Version: 13"};
    return Stream.of(
        without("Upgrade", 426, told),
        row("Upgrade: h2c", lines -> but("Upgrade: h2c"), 426, told),
        instead(426, "Upgrade: "),
        instead(426, "Upgrade: web socket"),
        instead(101, "Upgrade: h2c, websocket"),
        instead(101, "Upgrade: h2c", "Upgrade: websocket"),
        instead(101, "Upgrade: WebSocket"),
        instead(400, "Upgrade: websocket/13"),
        without("Connection", 400),
        instead(400, "Connection: close"),
        instead(400, "Connection: keep-alive"),
        instead(400, "Connection: Upgraded"),
        instead(101, "Connection: keep-alive, Upgrade"),
        instead(101, "Connection: keep-alive,upgrade"),
        instead(101, "Connection: keep-alive", "Connection: UPGRADE"));
  }

  private static Stream<Row> keys() {
    return Stream.of(
        without("Sec-WebSocket-Key", 400),
        instead(400, KEY),
        instead(400, KEY + "dGhlIHNhbXBsZQ=="),
        instead(400, KEY + "dGhlIHNhbXBsZSBub25jZSBpcyB0b28gbG9uZw=="),
        instead(400, KEY + "!!!!!!!!!!!!!!!!!!!!!!=="),
        instead(400, KEY + "dGhlIHNhbXBsZSBub25jZTE="), // 17 bytes
        instead(400, KEY + "dGhlIHNhbXBsZSBub25jZQ"), // no padding
        instead(400, KEY + "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=="),
        instead(400, KEY + "dGhlIHNhbXBsZSBub25jZQ==", KEY + "dGhlIHNhbXBsZSBub25jZQ=="),
        instead(101, KEY + "  dGhlIHNhbXBsZSBub25jZQ==  "));
  }

  private static Stream<Row> versions() {
    String told = "Sec-WebSocket-Version: 13";
    return Stream.of(
        without("Sec-WebSocket-Version", 426, told),
        row("version 7", lines -> but(VERSION + "7"), 426, told),
        row("version 8", lines -> but(VERSION + "8"), 426, told),
        instead(426, VERSION),
        instead(426, VERSION + "0"),
        instead(426, VERSION + "14"),
        instead(426, VERSION + "013"),
        instead(426, VERSION + "13, 8"),
        instead(426, VERSION + "thirteen"),
        instead(400, VERSION + "13", VERSION + "13"),
        instead(400, VERSION + "13", VERSION + "8"));
  }

  private static Stream<Row> origins() {
    return Stream.of(
        with(101, "Origin: http://server.example.com"),
        with(101, "Origin: http://server.example.com:80"),
        with(101, "Origin: HTTP://Server.Example.COM"),
        with(101, "Origin: https://server.example.com"), // behind a proxy that takes TLS off
        with(403, "Origin: http://server.example.com:8080"),
        with(403, "Origin: https://server.example.com:80"),
        with(403, "Origin: http://evil.example.com"),
        with(403, "Origin: http://server.example.com.evil.com"),
        with(403, "Origin: http://server.example.com/"),
        with(403, "Origin: http://user@server.example.com"),
        with(403, "Origin: file://server.example.com"),
        with(403, "Origin: server.example.com"),
        with(403, "Origin: null"),
        with(403, "Origin: "),
        with(400, "Origin: http://server.example.com", "Origin: http://server.example.com"),
        with(400, "Origin: http://server.example.com", "Origin: http://evil.example.com"),
        // Headers of a proxy are not trusted.
        with(403, "Origin: http://evil.example.com", "X-Forwarded-Host: evil.example.com"),
        with(403, SUBPROTOCOL + "v2").onStrictServer(),
        with(101, SUBPROTOCOL + "v2", "Origin: http://server.example.com").onStrictServer());
  }

  private static Stream<Row> syntax() {
    return Stream.of(
        bytes("folded with a blank", "X-Any: value", "X-Any: a\r\n b", 400),
        bytes("folded with a tab", "X-Any: value", "X-Any: a\r\n\tb", 400),
        bytes("first header line with a blank", "\r\nHost", "\r\n Host", 400),
        bytes("blank before the colon", "X-Any:", "X-Any :", 400),
        bytes("tab before the colon", "X-Any:", "X-Any\t:", 400),
        bytes("no colon", "X-Any: value", "X-Any", 400),
        bytes("no name", "X-Any: value", ": value", 400),
        bytes("NUL in a name", "X-Any", "X\0Any", 400),
        bytes("NUL in a value", "value", "va\0lue", 400),
        bytes("DEL in a value", "value", "va\u007flue", 400),
        bytes("control character in a value", "value", "va\u0001lue", 400),
        bytes("quote in a name", "X-Any", "X\"Any", 400),
        bytes("umlaut in a name", "X-Any", "X-\u00c4ny", 400),
        bytes("umlaut in a value", "value", "val\u00fce", 101), // RFC 9110, 5.5: obs-text
        bytes("bare CR in a value", "value", "va\rlue", 400),
        bytes("bare LF behind a value", "value\r\n", "value\n", 400),
        bytes("bare LF behind the first line", "HTTP/1.1\r\n", "HTTP/1.1\n", 400),
        bytes("bare LF at the end", "value\r\n\r\n", "value\r\n\n", 400),
        bytes("bare CR at the end", "value\r\n\r\n", "value\r\n\rX", 400),
        bytes("CR CR LF", "value\r\n", "value\r\r\n", 400),
        bytes("NUL in the first line", "GET /ws", "GET /w\0s", 400),
        bytes("leading blank", "GET /ws", " GET /ws", 400),
        bytes("leading tab", "GET /ws", "\tGET /ws", 400),
        bytes("leading empty line", "GET /ws", "\r\nGET /ws", 101), // RFC 9112, 2.2
        bytes("two leading empty lines", "GET /ws", "\r\n\r\nGET /ws", 400),
        bytes("leading LF", "GET /ws", "\nGET /ws", 400),
        bytes("a TLS ClientHello", "GET /ws", "\u0016\u0003\u0001\u0002\0", 400));
  }

  private static Stream<Row> limits() {
    String[] lines = new String[95]; // plus 5 in the handshake
    Arrays.fill(lines, "X: y");
    int taken = HttpPeer.handshake("X-Long: ").length() - "GET /ws HTTP/1.1\r\n".length() - 2;
    String fits = "X-Long: " + "x".repeat(8192 - taken);
    String line = "GET /ws?";
    String longest = line + "x".repeat(4096 - line.length() - " HTTP/1.1".length());
    return Stream.of(
        new Row("100 header lines", HttpPeer.handshake(lines), 101),
        new Row(
            "101 header lines",
            HttpPeer.handshake(lines).replace("\r\n\r\n", "\r\nY: z\r\n\r\n"),
            431),
        new Row("8192 bytes of header lines", HttpPeer.handshake(fits), 101),
        new Row("8193 bytes of header lines", HttpPeer.handshake(fits + "x"), 431),
        new Row("endless header line", "GET /ws HTTP/1.1\r\nX: " + "x".repeat(20_000), 431),
        new Row("endless header name", "GET /ws HTTP/1.1\r\n" + "x".repeat(20_000), 431),
        row("4096 bytes of first line", l -> replaced(l, 0, longest + " HTTP/1.1"), 101),
        row("4097 bytes of first line", l -> replaced(l, 0, longest + "x HTTP/1.1"), 414),
        new Row("endless first line", "GET /" + "x".repeat(20_000), 414));
  }

  private static Stream<Row> contents() {
    return Stream.of(
        with(101, "Content-Length: 0"),
        with(400, "Content-Length: 5"),
        with(400, "Content-Length: -1"),
        with(400, "Content-Length: x"),
        with(400, "Content-Length: 0", "Content-Length: 5"),
        with(400, "Transfer-Encoding: chunked"),
        with(400, "Transfer-Encoding: gzip"),
        with(400, "Transfer-Encoding: chunked", "Content-Length: 5"),
        with(400, "Content-Length: 0", "Transfer-Encoding: chunked"),
        with(417, "Expect: 100-continue"),
        with(417, "Expect: something"));
  }

  private static Stream<Row> targets() {
    return Stream.of(
        first("GET / HTTP/1.1", 404),
        first("GET /ws/ HTTP/1.1", 404),
        first("GET /WS HTTP/1.1", 404),
        first("GET /%77s HTTP/1.1", 404),
        first("GET //ws HTTP/1.1", 404),
        first("GET /ws?a=1&b=%20 HTTP/1.1", 101),
        first("GET /ws? HTTP/1.1", 101),
        first("GET /ws#top HTTP/1.1", 400),
        first("GET /ws?a=% HTTP/1.1", 400),
        first("GET /ws?a=%zz HTTP/1.1", 400),
        first("GET ws HTTP/1.1", 400),
        first("GET * HTTP/1.1", 400),
        first("GET server.example.com:80 HTTP/1.1", 400),
        first("GET http://server.example.com/ws HTTP/1.1", 101),
        first("GET ws://server.example.com/ws?a HTTP/1.1", 101),
        first("GET WSS://server.example.com:443/ws HTTP/1.1", 101),
        first("GET http://server.example.com HTTP/1.1", 404),
        first("GET http:///ws HTTP/1.1", 400),
        first("GET http://user@server.example.com/ws HTTP/1.1", 400),
        first("GET ftp://server.example.com/ws HTTP/1.1", 400));
  }

  private static Stream<Row> subprotocols() {
    String host = "Origin: http://server.example.com";
    return Stream.of(
        row("server's preference", l -> added(l, SUBPROTOCOL + "v1, v2"), 101, SUBPROTOCOL + "v2"),
        row(
            "several lines are one list",
            l -> added(l, SUBPROTOCOL + "other", SUBPROTOCOL + "v1"),
            101,
            SUBPROTOCOL + "v1"),
        with(101, SUBPROTOCOL + "other"),
        with(101, SUBPROTOCOL + "V1"),
        with(400, SUBPROTOCOL),
        with(400, SUBPROTOCOL + "v1,,v2"),
        with(400, SUBPROTOCOL + "v1,"),
        with(400, SUBPROTOCOL + "v 1"),
        with(400, SUBPROTOCOL + "v1;v2"),
        with(400, SUBPROTOCOL + "v1, v1"),
        with(400, SUBPROTOCOL + "v1", SUBPROTOCOL + "v1"),
        with(400, host, SUBPROTOCOL + "v1").onStrictServer(),
        with(400, host).onStrictServer());
  }

  private static List<String> added(List<String> lines, String... more) {
    lines.addAll(List.of(more));
    return lines;
  }

  private static Stream<Row> extensions() {
    return Stream.of(
        with(101, EXTENSIONS + "permessage-deflate; client_max_window_bits"),
        with(101, EXTENSIONS + "unknown", EXTENSIONS + "another; a=1; b=\"2\", third"),
        with(101, EXTENSIONS + "a ; b = \"c\\d\""),
        with(400, EXTENSIONS),
        with(400, EXTENSIONS + ";"),
        with(400, EXTENSIONS + ","),
        with(400, EXTENSIONS + "a,"),
        with(400, EXTENSIONS + "a;"),
        with(400, EXTENSIONS + "a; b="),
        with(400, EXTENSIONS + "a b"),
        with(400, EXTENSIONS + "a; b=\"c"),
        with(400, EXTENSIONS + "a; b=\"c,d\""),
        with(400, EXTENSIONS + "a; b=\"\""),
        with(400, EXTENSIONS + "a; b=\"c\\"),
        with(400, EXTENSIONS + "a", EXTENSIONS + ";"));
  }

  @ParameterizedTest
  @MethodSource("rows")
  void answerToOneWrite(Row row) throws Exception {
    try (HttpPeer peer = HttpPeer.connect(row.of)) {
      check(row, peer.write(row.request));
    }
  }

  @ParameterizedTest
  @MethodSource("rows")
  void answerToSingleBytes(Row row) throws Exception {
    try (HttpPeer peer = HttpPeer.connect(row.of)) {
      check(row, peer.writeOneByOne(row.request));
    }
  }

  private static void check(Row row, HttpPeer peer) throws Exception {
    long start = System.nanoTime();
    boolean isHead = row.request.startsWith("HEAD");
    Reply reply = peer.read(isHead);
    assertThat(reply.status()).as("%s", reply).isEqualTo(row.status);
    assertThat(reply.lines()).containsAll(row.answer);
    if (row.status == 101) {
      checkOpen(reply, peer);
      return;
    }
    assertThat(reply.header("Connection")).startsWith("close");
    if (!isHead) {
      assertThat(reply.body()).matches("[ -~]+ \\(expected: [ -~]+\\)\n");
    }
    peer.expectEnd();
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(END);
  }

  private static void checkOpen(Reply reply, HttpPeer peer) throws Exception {
    assertThat(reply.lines().get(0)).isEqualTo("HTTP/1.1 101 Switching Protocols");
    assertThat(reply.lines()).contains("Upgrade: websocket", "Connection: Upgrade");
    assertThat(reply.header("Content-Length")).isNull();
    assertThat(reply.header("Transfer-Encoding")).isNull();
    assertThat(reply.header("Sec-WebSocket-Extensions")).isNull();
    assertThat(peer.write(HttpPeer.frame("hello")).readText()).isEqualTo("hello");
  }

  @Test
  void unsupportedSubprotocolIsNotEchoed() throws Exception {
    try (HttpPeer peer = HttpPeer.connect(server)) {
      Reply reply = peer.write(HttpPeer.handshake(SUBPROTOCOL + "other")).read();
      assertThat(reply.status()).isEqualTo(101);
      assertThat(reply.header("Sec-WebSocket-Protocol")).isNull();
    }
  }

  @Test
  void answerDoesNotDependOnHowAHandshakeIsSplit() throws Exception {
    String request = HttpPeer.handshake() + HttpPeer.frame("early");
    for (int at = 1; at < request.length(); at++) {
      try (HttpPeer peer = HttpPeer.connect(server)) {
        peer.write(request.substring(0, at)).write(request.substring(at));
        assertThat(peer.read().status()).isEqualTo(101);
        assertThat(peer.readText()).isEqualTo("early");
      }
    }
  }
}
