package dev.jev.websocket;

import static java.util.concurrent.CompletableFuture.completedFuture;
import static java.util.concurrent.CompletableFuture.failedFuture;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.Server;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The task of {@link HttpRequest#onClose}, which runs once, whatever becomes of the request. */
class UpgradeEndTest {

  private final AtomicInteger connects = new AtomicInteger();
  private final AtomicInteger closes = new AtomicInteger();
  private final BlockingQueue<HttpRequest> asked = new LinkedBlockingQueue<>();
  private final AtomicInteger seats = new AtomicInteger();
  private final AtomicInteger ends = new AtomicInteger();
  private final LogCapture log = new LogCapture("dev.jev");
  private @Nullable Server server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    log.close();
  }

  private final class Counting implements Handler<WebSocketMessage, WebSocketMessage> {

    @Override
    public void onConnect(Connection<WebSocketMessage> connection) {
      connects.incrementAndGet();
    }

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {}

    @Override
    public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
      closes.incrementAndGet();
    }
  }

  private HttpPeer decide(
      Function<HttpRequest, CompletionStage<HttpResponse>> decision,
      Consumer<Server.Builder<WebSocketMessage, WebSocketMessage>> more)
      throws IOException {
    WebSocketServerBuilder protocol =
        WebSocketProtocol.server()
            .onUpgrade(
                request -> {
                  seats.incrementAndGet();
                  request.onClose(this::release);
                  asked.add(request);
                  return decision.apply(request);
                });
    Server.Builder<WebSocketMessage, WebSocketMessage> builder =
        Server.builder(protocol.build(), new Counting()).eventLoops(2).listen("tcp://127.0.0.1:0");
    more.accept(builder);
    server = builder.start();
    return HttpPeer.connect(server);
  }

  private HttpPeer decide(Function<HttpRequest, CompletionStage<HttpResponse>> decision)
      throws IOException {
    return decide(decision, builder -> {});
  }

  private void release() {
    seats.decrementAndGet();
    ends.incrementAndGet();
    assertThat(Thread.currentThread().getName()).startsWith("jev-loop-");
  }

  private HttpRequest request() throws InterruptedException {
    HttpRequest request = asked.poll(10, TimeUnit.SECONDS);
    assertThat(request).as("request").isNotNull();
    return request;
  }

  private void expectEnds(int count) throws Exception {
    Eventually.holds(count + " ends", () -> ends.get() == count);
    assertThat(seats).hasValue(0);
  }

  @Test
  void tasksOfPeersThatLeaveBeforeTheAnswerAreRun() throws Exception {
    CompletableFuture<HttpResponse> answer = new CompletableFuture<>();
    List<HttpPeer> peers = new ArrayList<>(List.of(decide(request -> answer)));
    for (int i = 1; i < 10; i++) {
      peers.add(HttpPeer.connect(server));
    }
    for (HttpPeer peer : peers) {
      peer.write(HttpPeer.handshake());
      request();
    }
    assertThat(seats).hasValue(10);
    for (HttpPeer peer : peers) {
      peer.close();
    }
    expectEnds(10);
    answer.complete(HttpResponse.accept()); // nothing follows
    try (HttpPeer peer = HttpPeer.connect(server)) {
      assertThat(peer.write(HttpPeer.handshake()).read().status()).isEqualTo(101);
    }
    expectEnds(11);
    assertThat(connects).hasValue(1);
    assertThat(closes).hasValue(1);
    assertThat(log.records()).isEmpty();
  }

  @Test
  void failureAfterThePeerHasLeftIsIgnored() throws Exception {
    CompletableFuture<HttpResponse> answer = new CompletableFuture<>();
    try (HttpPeer peer = decide(request -> answer)) {
      peer.write(HttpPeer.handshake());
      request();
    }
    expectEnds(1);
    answer.completeExceptionally(new IllegalStateException("on purpose"));
    server.close();
    assertThat(log.records()).isEmpty();
    assertThat(ends).hasValue(1);
  }

  @Test
  void taskOfAnAcceptedConnectionFollowsOnClose() throws Exception {
    BlockingQueue<String> seen = new LinkedBlockingQueue<>();
    try (HttpPeer peer = decide(request -> completedFuture(HttpResponse.accept()))) {
      assertThat(peer.write(HttpPeer.handshake()).read().status()).isEqualTo(101);
      request().onClose(() -> seen.add("seats " + seats + ", closes " + closes));
      assertThat(seats).hasValue(1);
    }
    assertThat(seen.poll(10, TimeUnit.SECONDS)).isEqualTo("seats 0, closes 1");
    expectEnds(1);
  }

  @Test
  void refusedRequestRunsItsTask() throws Exception {
    try (HttpPeer peer = decide(request -> completedFuture(HttpResponse.of(403)))) {
      assertThat(peer.write(HttpPeer.handshake()).read().status()).isEqualTo(403);
      peer.expectEnd();
    }
    expectEnds(1);
  }

  @Test
  void failedDecisionRunsTheTask() throws Exception {
    try (HttpPeer peer = decide(request -> failedFuture(new IOException("on purpose")))) {
      assertThat(peer.write(HttpPeer.handshake()).read().status()).isEqualTo(500);
      peer.expectEnd();
    }
    expectEnds(1);
  }

  @Test
  void lateDecisionRunsTheTask() throws Exception {
    try (HttpPeer peer =
        decide(
            request -> new CompletableFuture<>(),
            builder -> builder.handshakeTimeout(Duration.ofSeconds(3)))) {
      assertThat(peer.write(HttpPeer.handshake()).read().status()).isEqualTo(503);
      peer.expectEnd();
    }
    expectEnds(1);
  }

  @Test
  void stopRunsAllTasksBeforeItReturns() throws Exception {
    try (HttpPeer pending =
            decide(
                request ->
                    request.path().equals("/ws")
                        ? new CompletableFuture<>()
                        : completedFuture(HttpResponse.accept()),
                builder ->
                    builder
                        .closeTimeout(Duration.ofMillis(100))
                        .lingeringCloseTimeout(Duration.ofMillis(100)));
        HttpPeer open = HttpPeer.connect(server)) {
      pending.write(HttpPeer.handshake());
      request();
      open.write(HttpPeer.handshake().replace("/ws", "/open"));
      assertThat(open.read().status()).isEqualTo(101);
      server.close();
      assertThat(ends).hasValue(2);
      assertThat(seats).hasValue(0);
      assertThat(closes).hasValue(1);
    }
  }

  @Test
  void taskAddedAfterThePeerHasLeftIsRun() throws Exception {
    HttpRequest request;
    try (HttpPeer peer = decide(pending -> new CompletableFuture<>())) {
      peer.write(HttpPeer.handshake());
      request = request();
    }
    expectEnds(1);
    seats.incrementAndGet();
    request.onClose(this::release); // by the thread of a lookup, for example
    expectEnds(2);
  }
}
