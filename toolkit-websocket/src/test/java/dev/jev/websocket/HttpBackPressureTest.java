package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Plugin;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Requests for long bodies, by peers that do not read the responses in time. */
class HttpBackPressureTest {

  private static final int BODY_BYTES = 2 * 1024 * 1024;
  private static final int REQUESTS = 16;
  private static final String GET = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n";

  /** The high watermark, one part of a body, and the head of the response. */
  private static final long MAX_PENDING_BYTES = 256 * 1024 + 64 * 1024 + 1024;

  private static final byte[] BODY = randomBytes();

  private final Recorder<WebSocketMessage, WebSocketMessage> echo =
      new Recorder<>((connection, message) -> connection.send(message));
  private final Observed observed = new Observed();
  private final CloseReasons closeReasons = new CloseReasons();
  private @Nullable Server server;

  /** A plugin that knows the connections before their handlers do. */
  private static final class Observed implements Plugin {

    final List<Connection<?>> connections = new CopyOnWriteArrayList<>();
    final AtomicInteger received = new AtomicInteger();

    @Override
    public Observer install(Link link) {
      connections.add(link.connection());
      return new Observer() {
        @Override
        public void received(int bytes) {
          received.addAndGet(bytes);
        }
      };
    }

    /** Returns the pending bytes of each connection, after all requests have arrived. */
    List<Long> pendingBytes(int requestBytes) throws Exception {
      Eventually.holds("all requests have arrived", () -> received.get() >= requestBytes);
      List<Long> pending = new ArrayList<>();
      for (Connection<?> connection : connections) {
        CompletableFuture<Long> bytes = new CompletableFuture<>();
        connection.execute(() -> bytes.complete(connection.pendingBytes()));
        pending.add(bytes.get(10, TimeUnit.SECONDS));
      }
      return pending;
    }
  }

  private static byte[] randomBytes() {
    byte[] bytes = new byte[BODY_BYTES];
    new Random(1).nextBytes(bytes);
    return bytes;
  }

  private static long directBytesOfTheJdk() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals("direct"))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }

  private void start(HttpResponder responder) {
    start(responder, builder -> builder);
  }

  private void start(
      HttpResponder responder,
      UnaryOperator<Server.Builder<WebSocketMessage, WebSocketMessage>> more) {
    server =
        more.apply(Server.builder(WebSocketProtocol.server().http(responder).build(), echo))
            .plugin(observed)
            .plugin(closeReasons)
            .eventLoops(1)
            .listen("tcp://127.0.0.1:0")
            .start();
  }

  private static HttpResponder created() {
    return request -> HttpResponse.of(200).body("application/octet-stream", BODY);
  }

  private RawPeer slowPeer() throws IOException {
    return RawPeer.connect(server, /* receiveBuffer= */ 64 * 1024);
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    echo.expectNothingMore();
  }

  private static void expectResponse(RawPeer peer) throws IOException {
    assertThat(hasResponse(peer)).isTrue();
  }

  /** Reads a response, which must be complete; returns false if the connection ends instead. */
  private static boolean hasResponse(RawPeer peer) throws IOException {
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      int next = peer.read();
      if (next < 0) {
        assertThat(head).isEmpty();
        return false;
      }
      head.append((char) next);
    }
    assertThat(head).startsWith("HTTP/1.1 200 OK").contains("Content-Length: " + BODY_BYTES);
    assertThat(peer.read(BODY_BYTES)).isEqualTo(BODY);
    return true;
  }

  /** Expects at least one complete response and nothing after the last, fewer than requested. */
  /** Expects complete responses, but not to all requests. */
  private static void expectSomeResponses(RawPeer peer, int requests) throws IOException {
    int count = 0;
    while (hasResponse(peer)) {
      count++;
    }
    assertThat(count).isBetween(1, requests - 1);
  }

  @Test
  void peersThatReadNothingHoldOnePartEachAndShareAKeptBody(@TempDir Path root) throws Exception {
    Path pages = Files.createDirectory(root.resolve("pages"));
    Files.write(pages.resolve("large"), BODY);
    try (URLClassLoader loader = new URLClassLoader(new URL[] {root.toUri().toURL()}, null)) {
      start(ClassPathNamesTest.classPath(loader, "pages"));
      long nettyBefore = PlatformDependent.usedDirectMemory();
      long jdkBefore = directBytesOfTheJdk();
      List<RawPeer> peers = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        peers.add(slowPeer().write(GET.repeat(REQUESTS).getBytes(ISO_8859_1)));
      }
      assertThat(observed.pendingBytes(peers.size() * REQUESTS * GET.length()))
          .hasSize(peers.size())
          .allMatch(pending -> pending <= MAX_PENDING_BYTES, "at most " + MAX_PENDING_BYTES);
      assertThat(PlatformDependent.usedDirectMemory() - nettyBefore)
          .as("growth of Netty's direct memory, which has chunks of 4 MiB")
          .isLessThanOrEqualTo(2 * 4 * 1024 * 1024);
      assertThat(directBytesOfTheJdk() - jdkBefore)
          .as("growth of the JDK's direct memory")
          .isLessThanOrEqualTo(BODY_BYTES + 256 * 1024L);
      for (RawPeer peer : peers) {
        for (int i = 0; i < REQUESTS; i++) {
          expectResponse(peer);
        }
        peer.close();
      }
    }
  }

  @Test
  void bodyOfAnotherResponderIsWrittenAsThePeerReads() throws Exception {
    AtomicInteger responses = new AtomicInteger();
    start(
        request -> {
          responses.incrementAndGet();
          return created().respond(request);
        });
    try (RawPeer peer = slowPeer().write(GET.repeat(REQUESTS).getBytes(ISO_8859_1))) {
      assertThat(observed.pendingBytes(REQUESTS * GET.length()).get(0))
          .isLessThanOrEqualTo(MAX_PENDING_BYTES);
      assertThat(responses.get()).as("responses begun").isBetween(1, 4);
      for (int i = 0; i < REQUESTS; i++) {
        expectResponse(peer);
      }
      assertThat(responses).hasValue(REQUESTS);
    }
    closeReasons.expect("PEER_CLOSED");
  }

  @Test
  void bodyIsCompleteBeforeTheEnd() throws Exception {
    start(created());
    String last = GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    try (RawPeer peer = slowPeer().write((GET + last + GET).getBytes(ISO_8859_1))) {
      expectResponse(peer);
      expectResponse(peer);
      peer.expectEnd();
    }
    closeReasons.expect("CLOSED");
  }

  @Test
  void bodyIsWholeAlsoIfAPluginClosesWhileItIsWritten() throws Exception {
    Plugin closing =
        new Plugin() {
          @Override
          public Observer install(Link link) {
            return new Observer() {
              @Override
              public void flushing(int bytes) {
                link.close(CloseReason.of(CloseReason.Kind.LIMIT));
              }
            };
          }
        };
    start(created(), builder -> builder.plugin(closing));
    try (RawPeer peer = slowPeer().write(GET.getBytes(ISO_8859_1))) {
      expectResponse(peer);
      peer.expectEnd();
    }
    closeReasons.expect("LIMIT");
  }

  @Test
  void peerThatHasEndedItsOutputGetsTheWholeBody() throws Exception {
    start(created());
    try (RawPeer peer = slowPeer().write((GET + GET).getBytes(ISO_8859_1)).shutdownOutput()) {
      expectResponse(peer);
      expectResponse(peer);
      peer.expectEnd();
    }
    closeReasons.expect("PEER_CLOSED");
  }

  @Test
  void stoppedServerCompletesTheBody() throws Exception {
    int requests = 6 * REQUESTS; // reading them takes longer than the stop does to begin
    start(created());
    try (RawPeer peer = slowPeer().write(GET.repeat(requests).getBytes(ISO_8859_1))) {
      observed.pendingBytes(requests * GET.length());
      server.stop(Duration.ofSeconds(10));
      expectSomeResponses(peer, requests);
    }
    closeReasons.expect("SERVER_STOPPED");
  }

  @Test
  void deadlineOfTheHandshakeAddsNothingToTheBody() throws Exception {
    Duration timeout = Duration.ofSeconds(3);
    start(created(), builder -> builder.handshakeTimeout(timeout));
    try (RawPeer peer = slowPeer().write(GET.repeat(REQUESTS).getBytes(ISO_8859_1))) {
      observed.pendingBytes(REQUESTS * GET.length());
      CompletableFuture<Void> later = new CompletableFuture<>();
      server.runAfter(timeout.plusMillis(300), () -> later.complete(null));
      later.get(10, TimeUnit.SECONDS);
      expectSomeResponses(peer, REQUESTS);
    }
    closeReasons.expect("TIMEOUT");
  }

  @Test
  void webSocketMayFollowBehindALongBody() throws Exception {
    start(created());
    String requests = GET + HttpPeer.handshake() + HttpPeer.frame("hello");
    try (RawPeer peer = slowPeer().write(requests.getBytes(ISO_8859_1))) {
      observed.pendingBytes(requests.length());
      expectResponse(peer);
      InputStream in = peer.socket().getInputStream();
      String answer = new String(in.readNBytes("HTTP/1.1 101".length()), ISO_8859_1);
      assertThat(answer).isEqualTo("HTTP/1.1 101");
      echo.expect("connect", "message Text[5 bytes]");
    }
    echo.expect("close PEER_CLOSED");
  }
}
