package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.plugin.Drain;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Close frames and responses when a server stops or drains. */
@Timeout(60)
class WebSocketDrainTest {

  private static final int PEERS = 100;
  private static final Duration SPREAD = Duration.ofSeconds(1);

  private static Drain drain() {
    return Drain.builder()
        .acceptTime(Duration.ZERO)
        .spread(SPREAD)
        .deadline(Duration.ofSeconds(30))
        .withoutShutdownHook()
        .build();
  }

  private static Server start(
      WebSocketServerBuilder protocol,
      Handler<WebSocketMessage, WebSocketMessage> handler,
      Drain drain) {
    return Server.builder(protocol.build(), handler)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(2)
        .lingeringCloseTimeout(Duration.ofMillis(50))
        .plugin(drain)
        .start();
  }

  private static HttpPeer connect(Server server) throws IOException {
    HttpPeer peer = HttpPeer.connect(server);
    assertThat(peer.write(HttpPeer.handshake()).read().status()).isEqualTo(101);
    return peer;
  }

  /** The code of a close frame and the time of its arrival. */
  private record ReceivedClose(int code, long nanoTime) {}

  /** Reads a close frame, answers it and expects the end. */
  private static ReceivedClose readClose(HttpPeer peer) throws IOException {
    byte[] frame = peer.raw().read(4);
    long nanoTime = System.nanoTime();
    assertThat(frame).startsWith(0x88, 0x02);
    int code = (frame[2] & 0xff) << 8 | (frame[3] & 0xff);
    peer.write("\u0088\u0082\0\0\0\0" + (char) (code >> 8) + (char) (code & 0xff));
    peer.expectEnd();
    return new ReceivedClose(code, nanoTime);
  }

  @Test
  void hundredPeersReceiveTheStopCloseCodeSpreadOverTime() throws Exception {
    Drain drain = drain();
    Server server = start(WebSocketProtocol.server().stopCloseCode(1012), Recorder.silent(), drain);
    List<HttpPeer> peers = new ArrayList<>();
    for (int i = 0; i < PEERS; i++) {
      peers.add(connect(server));
    }
    ExecutorService readers = Executors.newCachedThreadPool();
    List<Future<ReceivedClose>> closes = new ArrayList<>();
    for (HttpPeer peer : peers) {
      closes.add(readers.submit(() -> readClose(peer)));
    }
    long begin = System.nanoTime();
    Drain.Report report = drain.begin().toCompletableFuture().get(40, TimeUnit.SECONDS);
    long last = 0;
    for (Future<ReceivedClose> close : closes) {
      assertThat(close.get().code()).isEqualTo(1012);
      last = Math.max(last, close.get().nanoTime() - begin);
    }
    readers.shutdown();
    for (HttpPeer peer : peers) {
      peer.close();
    }
    assertThat(last).as("time until the last one").isGreaterThan(SPREAD.toNanos() * 6 / 10);
    assertThat(report.closed()).isEqualTo(PEERS);
    assertThat(report.cut()).isZero();
    server.awaitStop();
  }

  @Test
  void peersReceiveGoingAwayByDefault() throws Exception {
    Recorder<WebSocketMessage, WebSocketMessage> recorder = Recorder.silent();
    Server server = start(WebSocketProtocol.server(), recorder, drain());
    try (HttpPeer peer = connect(server)) {
      server.stop(Duration.ofSeconds(20));
      assertThat(readClose(peer).code()).isEqualTo(1001);
    }
    server.awaitStop();
  }

  @ParameterizedTest
  @ValueSource(ints = {1000, 1012, 1014, 3000, 4999})
  void peersReceiveTheStopCloseCodeWhenTheServerIsStopped(int code) throws Exception {
    Server server =
        start(WebSocketProtocol.server().stopCloseCode(code), Recorder.silent(), drain());
    try (HttpPeer peer = connect(server)) {
      server.stop(Duration.ofSeconds(20));
      assertThat(readClose(peer).code()).isEqualTo(code);
    }
    server.awaitStop();
  }

  @Test
  void peersReceiveTheStopTextBeforeTheCloseFrame() throws Exception {
    WebSocketServerBuilder protocol =
        WebSocketProtocol.server().stopCloseCode(1012).stopText(handshake -> "later");
    Server server = start(protocol, Recorder.silent(), drain());
    try (HttpPeer peer = connect(server)) {
      server.stop(Duration.ofSeconds(20));
      assertThat(peer.raw().read(7)).containsExactly(0x81, 0x05, 'l', 'a', 't', 'e', 'r');
      assertThat(readClose(peer).code()).isEqualTo(1012);
    }
    server.awaitStop();
  }

  @Test
  void peersReceiveNoStopTextIfTheServerDoesNotStop() throws Exception {
    WebSocketServerBuilder protocol = WebSocketProtocol.server().stopText(handshake -> "later");
    Server server = start(protocol, new ClosingHandler(), drain());
    try (HttpPeer peer = connect(server)) {
      assertThat(readClose(peer).code()).isEqualTo(1000);
    }
  }

  /** Closes each connection. */
  private static final class ClosingHandler implements Handler<WebSocketMessage, WebSocketMessage> {

    @Override
    public void onConnect(Connection<WebSocketMessage> connection) {
      connection.close();
    }

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {}
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 999, 1004, 1005, 1006, 1015, 2999, 5000})
  void stopCloseCodeThatCannotBeSentIsRejected(int code) {
    WebSocketServerBuilder protocol = WebSocketProtocol.server();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> protocol.stopCloseCode(code))
        .withMessage(
            "stopCloseCode: " + code + " (expected: 1000..1003, 1007..1014 or 3000..4999)");
  }

  @Test
  void peersInTheirHandshakeAreDrainedToo() throws Exception {
    CompletableFuture<HttpRequest> asked = new CompletableFuture<>();
    WebSocketServerBuilder protocol =
        WebSocketProtocol.server()
            .onUpgrade(
                request -> {
                  asked.complete(request);
                  return new CompletableFuture<>();
                });
    Drain drain = drain();
    Server server = start(protocol, new UnusedHandler(), drain);
    try (HttpPeer silent = HttpPeer.connect(server);
        HttpPeer half = HttpPeer.connect(server);
        HttpPeer undecided = HttpPeer.connect(server)) {
      half.write("GET / HTTP/1.1\r\n");
      undecided.write(HttpPeer.handshake());
      asked.get(20, TimeUnit.SECONDS);
      Eventually.holds("all are accepted", () -> server.connectionCount() == 3);
      var ended = drain.begin().toCompletableFuture();
      silent.expectEnd();
      assertThat(half.read().status()).isEqualTo(503);
      half.expectEnd();
      assertThat(undecided.read().status()).isEqualTo(503);
      undecided.expectEnd();
      Drain.Report report = ended.get(40, TimeUnit.SECONDS);
      assertThat(report.closed()).isEqualTo(3);
      assertThat(report.cut()).isZero();
    }
    server.awaitStop();
  }

  /** A handler that must not be called. */
  private static final class UnusedHandler implements Handler<WebSocketMessage, WebSocketMessage> {

    @Override
    public void onConnect(Connection<WebSocketMessage> connection) {
      throw new AssertionError("connected");
    }

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
      throw new AssertionError("message");
    }

    @Override
    public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
      throw new AssertionError("closed");
    }
  }
}
