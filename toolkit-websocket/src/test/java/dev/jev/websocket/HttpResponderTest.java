package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.LogCapture;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.websocket.HttpPeer.Reply;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.UnaryOperator;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Plain HTTP on the port of a WebSocket server. */
class HttpResponderTest {

  private final Recorder<WebSocketMessage, WebSocketMessage> recorder =
      new Recorder<>((connection, message) -> connection.send(message));
  private final CloseReasons closeReasons = new CloseReasons();
  private @Nullable Server server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    recorder.expectNothingMore();
  }

  private HttpPeer connect(HttpResponder responder) throws IOException {
    return connect(responder, builder -> builder);
  }

  private HttpPeer connect(
      HttpResponder responder,
      UnaryOperator<Server.Builder<WebSocketMessage, WebSocketMessage>> more)
      throws IOException {
    server =
        more.apply(Server.builder(WebSocketProtocol.server().http(responder).build(), recorder))
            .plugin(closeReasons)
            .eventLoops(1)
            .listen("tcp://127.0.0.1:0")
            .start();
    return HttpPeer.connect(server);
  }

  private HttpPeer pages() throws IOException {
    return connect(HttpResponder.classPath("pages"));
  }

  private static HttpResponder health() {
    return HttpResponder.at("/health", () -> HttpResponse.of(200).text("ok"));
  }

  @Test
  void healthCheckIsAnswered() throws Exception {
    try (HttpPeer peer = connect(health())) {
      Reply reply = peer.get("/health?verbose").read();
      assertThat(reply.lines().get(0)).isEqualTo("HTTP/1.1 200 OK");
      assertThat(reply.header("Content-Type")).isEqualTo("text/plain; charset=utf-8");
      assertThat(reply.header("Date"))
          .matches("\\w{3}, \\d\\d \\w{3} \\d{4} \\d\\d:\\d\\d:\\d\\d GMT");
      assertThat(reply.header("Connection")).isNull();
      assertThat(reply.body()).isEqualTo("ok");
      assertThat(peer.get("/other").read().status()).isEqualTo(404);
      assertThat(peer.get("/health").read().body()).as("over the same connection").isEqualTo("ok");
      Reply head = peer.request("HEAD /health HTTP/1.1").read(/* isHead= */ true);
      assertThat(head.header("Content-Length")).isEqualTo("2");
      Reply post = peer.request("POST /health HTTP/1.1", "Content-Length: 0").read();
      assertThat(post.status()).isEqualTo(405);
      assertThat(post.header("Allow")).isEqualTo("GET, HEAD");
    }
    closeReasons.expect("PEER_CLOSED");
  }

  @Test
  void respondersAreAskedInOrder() throws Exception {
    HttpResponder both =
        health().or(request -> HttpResponse.of(200).text("other " + request.path()));
    try (HttpPeer peer = connect(both)) {
      assertThat(peer.get("/health").read().body()).isEqualTo("ok");
      assertThat(peer.get("/a?b").read().body()).isEqualTo("other /a");
    }
  }

  /** A peer has sixteen short answers in a row, or a long one. */
  @ParameterizedTest
  @CsvSource({"0, 40", "5000, 3"})
  void otherConnectionIsAnsweredBetweenPipelinedRequests(int bytes, int atMost) throws Exception {
    byte[] body = new byte[bytes];
    List<String> paths = new ArrayList<>(); // of the only event loop
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch otherHasSent = new CountDownLatch(1);
    HttpResponder pages =
        request -> {
          paths.add(request.path());
          begun.countDown();
          await(otherHasSent);
          return HttpResponse.of(200).body("text/plain", body);
        };
    try (HttpPeer peer = connect(pages);
        HttpPeer other = HttpPeer.connect(server)) {
      peer.get("/0");
      await(begun);
      peer.write("GET /next HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50));
      other.get("/other");
      otherHasSent.countDown();
      assertThat(other.read().status()).isEqualTo(200);
      for (int i = 0; i <= 50; i++) {
        assertThat(peer.read().status()).isEqualTo(200);
      }
    }
    assertThat(paths.indexOf("/other")).isBetween(1, atMost);
    assertThat(paths).hasSize(52);
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void webSocketMayFollowOnTheSameConnection() throws Exception {
    try (HttpPeer peer = connect(health())) {
      assertThat(peer.get("/health").read().body()).isEqualTo("ok");
      peer.write(HttpPeer.handshake() + HttpPeer.frame("hello"));
      assertThat(peer.read().status()).isEqualTo(101);
      assertThat(peer.readText()).isEqualTo("hello");
      recorder.expect("connect", "message Text[5 bytes]");
    }
    recorder.expect("close PEER_CLOSED");
  }

  @Test
  void upgradeToAnotherProtocolIsIgnored() throws Exception {
    try (HttpPeer peer = connect(health())) {
      Reply reply = peer.get("/health", "Connection: Upgrade", "Upgrade: h2c").read();
      assertThat(reply.body()).isEqualTo("ok");
    }
  }

  @Test
  void pipelinedRequestsAreAnsweredInOrder() throws Exception {
    HttpResponder echo = request -> HttpResponse.of(200).text(request.path());
    try (HttpPeer peer = connect(echo)) {
      String two = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3";
      peer.write(two);
      assertThat(peer.read().body()).isEqualTo("/1");
      assertThat(peer.read().body()).isEqualTo("/2");
      peer.write(" HTTP/1.1\r\nHost: a\r\n\r\n");
      assertThat(peer.read().body()).isEqualTo("/3");
    }
  }

  @Test
  void connectionEndsWithTheHundredthRequest() throws Exception {
    try (HttpPeer peer = connect(health())) {
      for (int i = 1; i < 100; i++) {
        assertThat(peer.get("/health").read().header("Connection")).as("response %s", i).isNull();
      }
      assertThat(peer.get("/health").read().header("Connection")).isEqualTo("close");
      peer.expectEnd();
    }
    closeReasons.expect("CLOSED");
  }

  @Test
  void floodOfRequestsIsCutShort() throws Exception {
    String request = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    try (HttpPeer peer = connect(health())) {
      peer.write(request.repeat(1000)); // 34 KB
      int answers = 0;
      Reply reply;
      do {
        reply = peer.read();
        answers++;
      } while (reply.header("Connection") == null);
      assertThat(answers).isEqualTo(100);
      peer.expectEnd();
    }
    closeReasons.expect("CLOSED");
  }

  @Test
  void connectionClosesOnRequestOfThePeer() throws Exception {
    try (HttpPeer peer = connect(health())) {
      Reply reply = peer.get("/health", "Connection: Close").read();
      assertThat(reply.header("Connection")).isEqualTo("close");
      peer.expectEnd();
    }
    closeReasons.expect("CLOSED");
  }

  @Test
  void connectionEndsAtTheDeadlineOfTheHandshake() throws Exception {
    try (HttpPeer peer =
        connect(health(), builder -> builder.handshakeTimeout(Duration.ofSeconds(3)))) {
      assertThat(peer.get("/health").read().body()).isEqualTo("ok");
      peer.expectEnd();
    }
    closeReasons.expect("TIMEOUT");
  }

  @Test
  void http10RequestNeedsNoHost() throws Exception {
    try (HttpPeer peer = connect(health())) {
      Reply reply = peer.write("GET /health HTTP/1.0\r\nUpgrade: websocket\r\n\r\n").read();
      assertThat(reply.body()).isEqualTo("ok");
      assertThat(reply.header("Connection")).isEqualTo("close");
      peer.expectEnd();
    }
  }

  @Test
  void halfClosedPeerStillGetsItsResponse() throws Exception {
    try (HttpPeer peer = connect(health())) {
      peer.get("/health").raw().shutdownOutput();
      assertThat(peer.read().body()).isEqualTo("ok");
      peer.expectEnd();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "Content-Length: 5, 413",
    "Transfer-Encoding: chunked, 413",
    "Expect: 100-continue, 417",
    "Upgrade: websocket, 400",
    "Upgrade: websocket/13, 400"
  })
  void requestThatIsNotAnsweredEndsTheConnection(String line, int status) throws Exception {
    try (HttpPeer peer = connect(health())) {
      Reply reply = peer.get("/health", line).read();
      assertThat(reply.status()).isEqualTo(status);
      assertThat(reply.header("Connection")).isEqualTo("close");
      peer.expectEnd();
    }
  }

  @Test
  void responderThatThrowsIsAnsweredWith500() throws Exception {
    try (LogCapture log = new LogCapture("dev.jev");
        HttpPeer peer =
            connect(
                request -> {
                  throw new IllegalStateException("broken");
                })) {
      assertThat(peer.get("/").read().status()).isEqualTo(500);
      peer.expectEnd();
      assertThat(log.records()).hasSize(1);
    }
    closeReasons.expect("HANDLER_ERROR: java.lang.IllegalStateException: broken");
  }

  // Resources.

  @ParameterizedTest
  @CsvSource({
    "/, text/html; charset=utf-8, <p>home",
    "/index.html, text/html; charset=utf-8, <p>home",
    "/sub/, text/html; charset=utf-8, <p>sub",
    "/sub/page%20one.css?v=2, text/css; charset=utf-8, p {}",
    "/sub/a+b.JS, text/javascript; charset=utf-8, b()",
    "/sub/none, application/octet-stream, none",
  })
  void resourceHasItsContentType(String path, String type, String body) throws Exception {
    try (HttpPeer peer = pages()) {
      Reply reply = peer.get(path).read();
      assertThat(reply.status()).isEqualTo(200);
      assertThat(reply.header("Content-Type")).isEqualTo(type);
      assertThat(reply.header("X-Content-Type-Options")).isEqualTo("nosniff");
      assertThat(reply.body().strip()).isEqualTo(body);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/missing.html",
        "/sub",
        "/sub/missing/",
        "/index.html/",
        "//index.html",
        "/../secret.txt",
        "/sub/../../secret.txt",
        "/sub/../index.html",
        "/./index.html",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/..;/secret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/sub%2findex.html",
        "/index.html%00.css",
        "/.hidden",
        "/sub/.hidden",
        "/dev/jev/websocket/HttpResponderTest.class",
      })
  void pathWithoutResourceBelowTheDirectoryIsNotFound(String path) throws Exception {
    try (HttpPeer peer = pages()) {
      Reply reply = peer.get(path).read();
      assertThat(reply.status()).isEqualTo(404);
      assertThat(reply.body()).isEqualTo("not found\n");
    }
  }

  @Test
  void absoluteTargetLeadsToTheSameResource() throws Exception {
    try (HttpPeer peer = pages()) {
      assertThat(peer.get("http://other.example.com").read().body().strip()).isEqualTo("<p>home");
    }
  }

  @Test
  void resourceThatHasNotChangedIsNotSentAgain() throws Exception {
    try (HttpPeer peer = pages()) {
      String etag = peer.get("/").read().header("ETag");
      assertThat(etag).matches("\"[0-9a-f]{32}\"");
      for (String known : new String[] {etag, "W/" + etag, "\"x\", " + etag, "*"}) {
        Reply reply = peer.get("/", "If-None-Match: " + known).read();
        assertThat(reply.status()).isEqualTo(304);
        assertThat(reply.header("ETag")).isEqualTo(etag);
        assertThat(reply.header("Content-Length")).isNull();
      }
      assertThat(peer.get("/", "If-None-Match: \"x\"").read().body()).startsWith("<p>home");
    }
  }

  @Test
  void resourcesAllowOnlyGetAndHead() throws Exception {
    try (HttpPeer peer = pages()) {
      Reply head = peer.request("HEAD / HTTP/1.1").read(/* isHead= */ true);
      assertThat(head.status()).isEqualTo(200);
      Reply get = peer.get("/").read();
      assertThat(head.header("Content-Length")).isEqualTo(get.header("Content-Length"));
      assertThat(head.header("ETag")).isEqualTo(get.header("ETag"));
      assertThat(peer.request("DELETE / HTTP/1.1").read().status()).isEqualTo(405);
      assertThat(peer.request("DELETE /missing HTTP/1.1").read().status()).isEqualTo(404);
    }
  }

  @Test
  void resourcesOfAJarAreFoundAndItsDirectoriesAreNot(@TempDir Path directory) throws Exception {
    Path jar = directory.resolve("pages.jar");
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
      for (String entry : new String[] {"web/", "web/sub/", "web/sub/index.html"}) {
        out.putNextEntry(new JarEntry(entry));
        out.write(entry.endsWith("/") ? new byte[0] : "in a jar".getBytes(US_ASCII));
      }
    }
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    try (URLClassLoader loader = new URLClassLoader(new URL[] {jar.toUri().toURL()})) {
      thread.setContextClassLoader(loader);
      HttpResponder responder = HttpResponder.classPath("/web/");
      thread.setContextClassLoader(before);
      try (HttpPeer peer = connect(responder)) {
        assertThat(peer.get("/sub").read().status()).isEqualTo(404);
        assertThat(peer.get("/sub/").read().body()).isEqualTo("in a jar");
        assertThat(peer.get("/").read().status()).isEqualTo(404);
      }
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "/", "..", "a/../b", "a//b", ".hidden"})
  void directoryIsBelowTheRootOfTheClassPath(String directory) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> HttpResponder.classPath(directory))
        .withMessage(
            "directory: "
                + directory
                + " (expected: a directory below the root of the class path)");
  }
}
