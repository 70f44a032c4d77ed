package dev.jev.websocket;

import static java.util.concurrent.CompletableFuture.completedFuture;
import static java.util.concurrent.CompletableFuture.failedFuture;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.LogCapture;
import dev.jev.ProtocolException;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.websocket.HttpPeer.Reply;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Handshake options of a server, and the decision of {@code onUpgrade}. */
class HandshakeHooksTest {

  /** A timeout before which the test must have written, also if the machine stalls. */
  private static final Duration TIME_TO_WRITE = Duration.ofSeconds(3);

  private final Recorder<WebSocketMessage, WebSocketMessage> recorder =
      new Recorder<>((connection, message) -> connection.send(message));
  private final CloseReasons closeReasons = new CloseReasons();
  private final LogCapture log = new LogCapture("dev.jev");
  private @Nullable Server server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    recorder.expectNothingMore();
    log.close();
  }

  private HttpPeer connect(Consumer<WebSocketServerBuilder> options) throws IOException {
    return connect(options, builder -> {});
  }

  private HttpPeer connect(
      Consumer<WebSocketServerBuilder> options,
      Consumer<Server.Builder<WebSocketMessage, WebSocketMessage>> more)
      throws IOException {
    WebSocketServerBuilder protocol = WebSocketProtocol.server();
    options.accept(protocol);
    Server.Builder<WebSocketMessage, WebSocketMessage> builder =
        Server.builder(protocol.build(), recorder)
            .plugin(closeReasons)
            .eventLoops(1)
            .listen("tcp://127.0.0.1:0");
    more.accept(builder);
    server = builder.start();
    return HttpPeer.connect(server);
  }

  private HttpPeer decide(Function<HttpRequest, CompletionStage<HttpResponse>> decision)
      throws IOException {
    return connect(options -> options.onUpgrade(decision));
  }

  private static WebSocketHandshake handshake(Connection<?> connection) {
    WebSocketHandshake handshake = connection.attribute(WebSocketHandshake.class);
    assertThat(handshake).isNotNull();
    return handshake;
  }

  private void expectEcho(HttpPeer peer) throws Exception {
    assertThat(peer.write(HttpPeer.frame("hello")).readText()).isEqualTo("hello");
    recorder.expect("connect", "message Text[5 bytes]");
    peer.close();
    recorder.expect("close PEER_CLOSED");
  }

  @Test
  void parameterThatIsNotUtf8IsNoOtherParameter() throws Exception {
    CompletableFuture<HttpRequest> seen = new CompletableFuture<>();
    try (HttpPeer peer =
        decide(
            request -> {
              seen.complete(request);
              return completedFuture(HttpResponse.accept());
            })) {
      String first = "GET /?room=%FF&%FE=1&a=%C3%A4&a=%FF&%EF%BF%BD=%EF%BF%BD HTTP/1.1";
      peer.write(HttpPeer.handshake().replace("GET /ws HTTP/1.1", first));
      assertThat(peer.read().status()).isEqualTo(101);
      HttpRequest request = seen.join();
      assertThat(request.parameter("room")).isNull();
      assertThat(request.parameter("a")).isEqualTo("\u00e4");
      assertThat(request.parameter("\uFFFD")).isEqualTo("\uFFFD");
      expectEcho(peer);
    }
  }

  /** The user of a connection, whom only the decision knows. */
  private record User(String name) {}

  @Test
  void attributeOfTheAcceptanceIsOneOfTheConnection() throws Exception {
    try (HttpPeer peer =
        decide(
            request -> {
              User user = new User(request.parameter("name"));
              HttpResponse accept = HttpResponse.accept().header("X-Room", "1");
              return completedFuture(accept.attribute(User.class, user).header("X-Seat", "2"));
            })) {
      peer.write(HttpPeer.handshake().replace("GET /ws ", "GET /?name=Ann "));
      assertThat(peer.read().toString()).contains("X-Room", "X-Seat").doesNotContain("Ann", "User");
      Connection<WebSocketMessage> connection = recorder.connection();
      assertThat(connection.attribute(User.class)).isEqualTo(new User("Ann"));
      expectEcho(peer);
      assertThat(connection.attribute(User.class)).isEqualTo(new User("Ann")); // after the close
    }
  }

  @Test
  void onlyAnAcceptanceHasAttributes() {
    assertThatIllegalStateException()
        .isThrownBy(() -> HttpResponse.of(401).attribute(User.class, new User("Ann")))
        .withMessage("status 401: an attribute (expected: 101)");
  }

  @Test
  void requestKnowsItsServer() throws Exception {
    try (HttpPeer peer =
        connect(
            options ->
                options.http(
                    request -> {
                      Server here = request.server();
                      return HttpResponse.of(200)
                          .text(here.name() + " has " + here.connectionCount());
                    }),
            builder -> builder.name("prices"))) {
      assertThat(peer.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n").read().body())
          .isEqualTo("prices has 1");
      peer.write(HttpPeer.handshake());
      assertThat(peer.read().status()).isEqualTo(101);
      assertThat(handshake(recorder.connection()).request().server()).isSameAs(server);
      expectEcho(peer);
    }
  }

  @Test
  void requestOfAClientHasNoServer() throws Exception {
    try (Server echo =
        Server.builder(WebSocketProtocol::new, recorder).listen("127.0.0.1:0").start()) {
      WebSocketClientBuilder sockets =
          WebSocketProtocol.client(URI.create("ws://127.0.0.1:" + echo.port() + "/"));
      try (Client<WebSocketMessage> client =
          Client.<WebSocketMessage, WebSocketMessage>builder(sockets.build(), (c, message) -> {})
              .connect(sockets.address())) {
        Connection<?> connection =
            client.connected().toCompletableFuture().get(10, TimeUnit.SECONDS);
        assertThat(handshake(connection).request().server()).isNull();
      }
      recorder.expect("connect", "close PEER_CLOSED");
    }
  }

  @Test
  void handshakeIsAnAttributeFromOnConnectOn() throws Exception {
    try (HttpPeer peer = connect(options -> options.subprotocols("chat"))) {
      peer.write(
          HttpPeer.handshake("Cookie: a=1; b=2", "Sec-WebSocket-Protocol: chat", "X-Two: 1"));
      assertThat(peer.read().status()).isEqualTo(101);
      WebSocketHandshake settled = handshake(recorder.connection());
      assertThat(settled.subprotocol()).isEqualTo("chat");
      HttpRequest request = settled.request();
      assertThat(request).hasToString("GET /ws");
      assertThat(request.target()).isEqualTo("/ws");
      assertThat(request.query()).isNull();
      assertThat(request.host()).isEqualTo("server.example.com");
      assertThat(request.header("x-TWO")).isEqualTo("1");
      assertThat(request.header("X-Tw")).isNull();
      assertThat(request.headers()).contains(Map.entry("X-Two", "1")).hasSize(4);
      assertThat(request.header("Sec-WebSocket-Key")).isNull();
      assertThat(request.cookie("b")).isEqualTo("2");
      assertThat(request.cookie("c")).isNull();
      expectEcho(peer);
    }
  }

  @Test
  void linesThatManyClientsSendAreKeptOnce() throws Exception {
    try (HttpPeer first = connect(WebSocketServerBuilder::compression);
        HttpPeer second = HttpPeer.connect(server)) {
      HttpRequest one = browser(first, "a=1");
      HttpRequest other = browser(second, "a=2");
      for (String name : List.of("Host", "User-Agent", "accept-LANGUAGE", "Sec-Fetch-Mode")) {
        assertThat(other.header(name)).as(name).isNotNull().isSameAs(one.header(name));
      }
      assertThat(one.cookie("a")).isEqualTo("1");
      assertThat(other.cookie("a")).isEqualTo("2");
    }
    recorder.expect("connect", "connect", "close PEER_CLOSED", "close PEER_CLOSED");
  }

  private HttpRequest browser(HttpPeer peer, String cookie) throws Exception {
    peer.write(
        HttpPeer.handshake(
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
            "Accept-Language: en-GB,en;q=0.9",
            "sec-fetch-mode: websocket",
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
            "Cookie: " + cookie));
    assertThat(peer.read().status()).isEqualTo(101);
    return handshake(recorder.connection()).request();
  }

  @Test
  void handshakeWithDefaultsNeedsNoBuilder() throws Exception {
    server = Server.builder(WebSocketProtocol::new, recorder).listen("tcp://127.0.0.1:0").start();
    try (HttpPeer peer = HttpPeer.connect(server)) {
      assertThat(peer.write(HttpPeer.handshake()).read().status()).isEqualTo(101);
      expectEcho(peer);
    }
  }

  @Test
  void decisionSeesTheWholeRequest() throws Exception {
    CompletableFuture<HttpRequest> seen = new CompletableFuture<>();
    try (HttpPeer peer =
        decide(
            request -> {
              seen.complete(request);
              return completedFuture(HttpResponse.accept());
            })) {
      String first = "GET /rooms/7?name=J%C3%B6rg+B&empty&name=2 HTTP/1.1";
      peer.write(
          HttpPeer.handshake(
                  "Sec-WebSocket-Protocol: a",
                  "Sec-WebSocket-Protocol: b, c",
                  "X-Name: j\u00fcrgen") // as ISO 8859-1
              .replace("GET /ws HTTP/1.1", first));
      assertThat(peer.read().status()).isEqualTo(101);
      HttpRequest request = seen.join();
      assertThat(request.method()).isEqualTo("GET");
      assertThat(request.path()).isEqualTo("/rooms/7");
      assertThat(request.query()).isEqualTo("name=J%C3%B6rg+B&empty&name=2");
      assertThat(request.parameter("name")).isEqualTo("J\u00f6rg B");
      assertThat(request.parameter("empty")).isEmpty();
      assertThat(request.parameter("none")).isNull();
      assertThat(request.subprotocols()).containsExactly("a", "b", "c");
      assertThat(request.header("X-Name")).isEqualTo("j\u00fcrgen");
      assertThat(request.attribute(String.class)).isNull();
      assertThat(request.remoteAddress()).isEqualTo(peer.raw().socket().getLocalSocketAddress());
      expectEcho(peer);
    }
  }

  @Test
  void decisionMayAcceptFromAnotherThreadWithHeadersAndSubprotocol() throws Exception {
    ExecutorService worker = Executors.newSingleThreadExecutor();
    try (HttpPeer peer =
        decide(
            request ->
                CompletableFuture.supplyAsync(
                    () ->
                        HttpResponse.accept("v1")
                            .header("Set-Cookie", "session=1; HttpOnly")
                            .header("X-Server", "jev"),
                    worker))) {
      peer.write(HttpPeer.handshake("Sec-WebSocket-Protocol: v2, v1"));
      Reply reply = peer.read();
      assertThat(reply.status()).isEqualTo(101);
      assertThat(reply.lines())
          .contains(
              "Sec-WebSocket-Protocol: v1",
              "Set-Cookie: session=1; HttpOnly",
              "X-Server: jev",
              "Sec-WebSocket-Accept: " + HttpPeer.ACCEPT);
      WebSocketHandshake settled = handshake(recorder.connection());
      assertThat(settled.subprotocol()).isEqualTo("v1");
      assertThat(settled.response().header("X-Server")).isEqualTo("jev");
      expectEcho(peer);
    } finally {
      worker.shutdown();
    }
  }

  @Test
  void framesThatComeBeforeTheDecisionWait() throws Exception {
    CompletableFuture<HttpResponse> decision = new CompletableFuture<>();
    CompletableFuture<String> asked = new CompletableFuture<>();
    try (HttpPeer peer =
        decide(
            request -> {
              asked.complete(request.path());
              return decision;
            })) {
      peer.write(HttpPeer.handshake() + HttpPeer.frame("one"));
      assertThat(asked.get()).isEqualTo("/ws");
      peer.write(HttpPeer.frame("two"));
      recorder.expectNothingMore();
      decision.complete(HttpResponse.accept());
      assertThat(peer.read().status()).isEqualTo(101);
      assertThat(peer.readText()).isEqualTo("one");
      assertThat(peer.readText()).isEqualTo("two");
      recorder.expect("connect", "message Text[3 bytes]", "message Text[3 bytes]");
    }
    recorder.expect("close PEER_CLOSED");
  }

  @Test
  void framesThatComeBeforeTheDecisionAreLimited() throws Exception {
    try (HttpPeer peer = decide(request -> new CompletableFuture<>())) {
      peer.write(HttpPeer.handshake() + "x".repeat(4096)).write("x");
      Reply reply = peer.read();
      assertThat(reply.status()).isEqualTo(400);
      assertThat(reply.header("Connection")).isEqualTo("close");
      peer.expectEnd();
    }
    closeReasons.expect(
        "PROTOCOL_ERROR: frames before the answer: more than 4096 bytes (expected: <= 4096)");
  }

  @Test
  void maxFrameBytesOfTheServerAppliesToRequests() throws Exception {
    try (HttpPeer peer = connect(options -> {}, builder -> builder.maxFrameBytes(100))) {
      assertThat(peer.write("GET /" + "x".repeat(100)).read().status()).isEqualTo(400);
      peer.expectEnd();
    }
    closeReasons.expect("PROTOCOL_ERROR: frame: more than 105 bytes (expected: <= 100)");
  }

  @Test
  void decisionMayRefuseWithStatusHeadersAndBody() throws Exception {
    HttpResponse refusal =
        HttpResponse.of(401).header("WWW-Authenticate", "Bearer").text("no token");
    try (HttpPeer peer = decide(request -> completedFuture(refusal))) {
      Reply reply = peer.write(HttpPeer.handshake() + HttpPeer.frame("early")).read();
      assertThat(reply.status()).isEqualTo(401);
      assertThat(reply.header("WWW-Authenticate")).isEqualTo("Bearer");
      assertThat(reply.header("Content-Type")).isEqualTo("text/plain; charset=utf-8");
      assertThat(reply.header("Connection")).isEqualTo("close");
      assertThat(reply.body()).isEqualTo("no token");
      peer.expectEnd();
    }
    closeReasons.expect("PROTOCOL_ERROR: decision: 401 Unauthorized (expected: 101)");
    assertThat(log.records()).isEmpty();
  }

  private void expectFailure(HttpPeer peer, String end) throws Exception {
    Reply reply = peer.write(HttpPeer.handshake("Sec-WebSocket-Protocol: a")).read();
    assertThat(reply.status()).isEqualTo(500);
    assertThat(reply.header("Connection")).isEqualTo("close");
    peer.expectEnd();
    peer.close();
    closeReasons.expect("HANDLER_ERROR: " + end.replace("dev.jev.ProtocolException: ", ""));
    assertThat(log.messages("HANDLER_ERROR: closing connection of ")).hasSize(1);
    assertThat(log.records())
        .singleElement()
        .satisfies(line -> assertThat(line.getThrown()).hasToString(end));
  }

  @Test
  void decisionThatThrowsIsAnsweredWith500() throws Exception {
    expectFailure(
        decide(
            request -> {
              throw new IllegalStateException("no database");
            }),
        "java.lang.IllegalStateException: no database");
  }

  @Test
  void decisionThatFailsLaterIsAnsweredWith500() throws Exception {
    expectFailure(
        decide(request -> failedFuture(new IOException("gone"))), "java.io.IOException: gone");
  }

  @Test
  void decisionThatFailsInAStageIsAnsweredWith500() throws Exception {
    expectFailure(
        decide(
            request ->
                CompletableFuture.supplyAsync(
                    () -> {
                      throw new IllegalStateException("late");
                    })),
        "java.lang.IllegalStateException: late");
  }

  @Test
  void decisionWithoutAStageIsAnsweredWith500() throws Exception {
    expectFailure(decide(request -> nothing()), "java.lang.NullPointerException: decision");
  }

  @SuppressWarnings("NullAway") // what a faulty application does
  private static CompletionStage<HttpResponse> nothing() {
    return null;
  }

  /** It looks like the peer's fault, but is not. */
  @Test
  void decisionThatFailsWithAProtocolExceptionIsAnsweredWith500() throws Exception {
    expectFailure(
        decide(request -> failedFuture(new ProtocolException("reply of the database: 1 byte"))),
        "dev.jev.ProtocolException: reply of the database: 1 byte");
  }

  @Test
  void decisionThatIsNullIsAnsweredWith500() throws Exception {
    expectFailure(
        decide(request -> completedFuture(null)), "java.lang.NullPointerException: decision");
  }

  @Test
  void subprotocolThatWasNotOfferedIsNeverSent() throws Exception {
    expectFailure(
        decide(request -> completedFuture(HttpResponse.accept("b"))),
        "java.lang.IllegalStateException: subprotocol: b (expected: one that was offered)");
  }

  @Test
  void decisionThatNeverComesIsAnsweredWith503AtTheDeadline() throws Exception {
    CompletableFuture<HttpResponse> decision = new CompletableFuture<>();
    try (HttpPeer peer =
        connect(
            options -> options.onUpgrade(request -> decision),
            builder -> builder.handshakeTimeout(TIME_TO_WRITE))) {
      assertThat(peer.write(HttpPeer.handshake()).read().status()).isEqualTo(503);
      decision.complete(HttpResponse.accept()); // too late
      peer.expectEnd();
    }
    closeReasons.expect("TIMEOUT");
  }

  @Test
  void peerThatLeavesBeforeTheDecisionIsForgotten() throws Exception {
    CompletableFuture<HttpResponse> decision = new CompletableFuture<>();
    CompletableFuture<String> asked = new CompletableFuture<>();
    try (HttpPeer peer =
        decide(
            request -> {
              asked.complete(request.path());
              return decision;
            })) {
      peer.write(HttpPeer.handshake());
      asked.get();
    }
    closeReasons.expect("PEER_CLOSED");
    decision.complete(HttpResponse.accept());
  }

  @Test
  void silentPeerIsClosedAtTheDeadlineWithoutAnswer() throws Exception {
    try (HttpPeer peer =
        connect(options -> {}, builder -> builder.handshakeTimeout(Duration.ofMillis(200)))) {
      peer.expectEnd();
    }
    closeReasons.expect("TIMEOUT");
  }

  @Test
  void unfinishedRequestIsAnsweredWith408AtTheDeadline() throws Exception {
    try (HttpPeer peer =
        connect(options -> {}, builder -> builder.handshakeTimeout(TIME_TO_WRITE))) {
      Reply reply = peer.write("GET /ws HTTP/1.1\r\nHost: a").read();
      assertThat(reply.status()).isEqualTo(408);
      assertThat(reply.header("Connection")).isEqualTo("close");
      peer.expectEnd();
    }
    closeReasons.expect("TIMEOUT");
  }

  @Test
  void deadlineIsForTheWholeRequestAndNotForEachByte() throws Exception {
    long start = System.nanoTime();
    try (HttpPeer peer =
        connect(options -> {}, builder -> builder.handshakeTimeout(TIME_TO_WRITE))) {
      peer.write("GET /ws HTTP/1.1\r\nX: ");
      while (peer.raw().socket().getInputStream().available() == 0) {
        peer.write("x");
        Duration waited = Duration.ofNanos(System.nanoTime() - start);
        assertThat(waited).as("time for a slow request").isLessThan(Duration.ofSeconds(20));
        LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
      }
      assertThat(peer.read().status()).isEqualTo(408);
    }
    closeReasons.expect("TIMEOUT");
  }

  @Test
  void serverThatStopsAnswersPendingHandshakesWith503() throws Exception {
    CompletableFuture<String> asked = new CompletableFuture<>();
    try (HttpPeer peer =
        decide(
            request -> {
              asked.complete(request.path());
              return new CompletableFuture<>();
            })) {
      peer.write(HttpPeer.handshake());
      asked.get();
      server.stop(Duration.ofSeconds(5));
      assertThat(peer.read().status()).isEqualTo(503);
      peer.expectEnd();
    }
    closeReasons.expect("SERVER_STOPPED");
  }

  @Test
  void refusalNamesTheFaultAndReachesNoHandler() throws Exception {
    try (HttpPeer peer = connect(options -> options.path("/chat"))) {
      assertThat(peer.write(HttpPeer.handshake()).read().body())
          .isEqualTo("path: /ws (expected: a known path)\n");
      peer.expectEnd();
    }
    closeReasons.expect("PROTOCOL_ERROR: path: /ws (expected: a known path)");
    assertThat(log.records()).isEmpty();
  }

  private static int status(Server server, String request) throws IOException {
    try (HttpPeer peer = HttpPeer.connect(server)) {
      return peer.write(request).read().status();
    }
  }

  private void expectStatus(String request, int status) throws Exception {
    assertThat(status(server, request)).as(request).isEqualTo(status);
    if (status == 101) {
      recorder.expect("connect", "close PEER_CLOSED");
    }
  }

  @Test
  void pathsAreExactOrWholeBranches() throws Exception {
    connect(options -> options.path("/chat").path("/rooms/*")).close();
    String request = HttpPeer.handshake();
    expectStatus(request.replace("/ws", "/chat?x"), 101);
    expectStatus(request.replace("/ws", "/rooms/"), 101);
    expectStatus(request.replace("/ws", "/rooms/7/a"), 101);
    expectStatus(request.replace("/ws", "/rooms"), 404);
    expectStatus(request.replace("/ws", "/chat/7"), 404);
    expectStatus(request.replace("Upgrade: websocket\r\n", "").replace("/ws", "/chat"), 426);
    expectStatus(request.replace("Upgrade: websocket\r\n", ""), 404);
  }

  @Test
  void requestsForOtherHostsAreMisdirected() throws Exception {
    connect(options -> options.hosts("Server.example.com", "[::1]")).close();
    String request = HttpPeer.handshake();
    expectStatus(request, 101);
    expectStatus(request.replace("Host: server", "Host: SERVER"), 101);
    expectStatus(request.replace("example.com", "example.com:5000"), 101);
    expectStatus(request.replace("server.example.com", "[::1]:5000"), 101);
    expectStatus(request.replace("server.example.com", "evil.com"), 421);
    expectStatus(request.replace("GET /ws", "GET http://evil.com/ws"), 421);
  }

  @Test
  void listedOriginsReplaceTheOriginOfTheServer() throws Exception {
    connect(options -> options.origins("https://Example.com:443", "http://localhost:3000", "null"))
        .close();
    expectStatus(HttpPeer.handshake("Origin: https://example.com"), 101);
    expectStatus(HttpPeer.handshake("Origin: http://localhost:3000"), 101);
    expectStatus(HttpPeer.handshake("Origin: null"), 101);
    expectStatus(HttpPeer.handshake(), 101);
    expectStatus(HttpPeer.handshake("Origin: http://example.com"), 403);
    expectStatus(HttpPeer.handshake("Origin: https://localhost:3000"), 403);
    expectStatus(HttpPeer.handshake("Origin: http://server.example.com"), 403);
  }

  @Test
  void everyOriginMayBeAllowedAndStillRequired() throws Exception {
    connect(options -> options.allowAnyOrigin().requireOrigin()).close();
    expectStatus(HttpPeer.handshake("Origin: http://evil.example.com"), 101);
    expectStatus(HttpPeer.handshake("Origin: x"), 101);
    expectStatus(HttpPeer.handshake(), 403);
    expectStatus(HttpPeer.handshake("Origin: http://a", "Origin: http://a"), 400);
  }

  @Test
  void messageLimitsAreTheOnesGiven() throws Exception {
    try (HttpPeer peer = connect(options -> options.maxMessageBytes(4).maxFragments(2))) {
      assertThat(peer.write(HttpPeer.handshake()).read().status()).isEqualTo(101);
      peer.write(HttpPeer.frame("hello"));
      assertThat(peer.raw().read(4)).containsExactly(0x88, 35, 1009 >>> 8, 1009 & 0xff);
    }
    closeReasons.expect("PROTOCOL_ERROR: message: 5 bytes (expected: <= 4)");
    recorder.expect("connect", "close PROTOCOL_ERROR");
  }

  @Test
  void optionsAreChecked() {
    WebSocketServerBuilder options = WebSocketProtocol.server();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> options.maxMessageBytes(0))
        .withMessage("maxMessageBytes: 0 (expected: 1..1073741824)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> options.maxFragments(-1))
        .withMessage("maxFragments: -1 (expected: 1..1073741824)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> options.path("chat"))
        .withMessage("path: chat (expected: /..., without ? and #)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> options.origins("example.com"))
        .withMessage("origin: example.com (expected: scheme://host, scheme://host:port or null)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> options.subprotocols("a b"))
        .withMessage("subprotocol: a b (expected: a token)");
  }

  @Test
  void responsesAreChecked() {
    HttpResponse response = HttpResponse.accept();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> response.header("a b", "c"))
        .withMessage("header name: a b (expected: a token)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> response.header("X-Any", "a\r\nB: c"))
        .withMessage("header X-Any: U+000D at index 1 (expected: ASCII text)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> response.header("X-Any", "j\u00fcrgen"))
        .withMessage("header X-Any: U+00FC at index 1 (expected: ASCII text)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> response.header("sec-websocket-accept", "a"))
        .withMessage("header sec-websocket-accept: set (expected: left to Jev)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> HttpResponse.of(101))
        .withMessage("status: 101 (expected: 200..599)");
    assertThatIllegalStateException()
        .isThrownBy(() -> response.text("a"))
        .withMessage("status 101: a body (expected: none)");
  }
}
