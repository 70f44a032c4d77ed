package dev.jev.websocket;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Plugin;
import dev.jev.Server;
import java.net.URI;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Events of the observer that a plugin stores, on both sides. */
@Timeout(60)
class WebSocketObserverTest {

  private static final String WORDS = "words and words ".repeat(40);

  /** Stores an observer that notes its calls. */
  private static final class Notes implements Plugin {

    private final BlockingQueue<String> events = new LinkedBlockingQueue<>();
    private final BlockingQueue<Duration> roundTrips = new LinkedBlockingQueue<>();
    private final AtomicInteger deflatedFrom = new AtomicInteger();
    private final AtomicInteger deflatedTo = new AtomicInteger();
    private final AtomicInteger inflatedFrom = new AtomicInteger();
    private final AtomicInteger inflatedTo = new AtomicInteger();

    @Override
    public @Nullable Observer install(Link link) {
      link.connection()
          .attribute(
              WebSocketObserver.class,
              new WebSocketObserver() {
                @Override
                public void answered(int status) {
                  events.add("answered " + status);
                }

                @Override
                public void roundTrip(Duration time) {
                  roundTrips.add(time);
                }

                @Override
                public void deflated(int bytes, int compressed) {
                  deflatedFrom.addAndGet(bytes);
                  deflatedTo.addAndGet(compressed);
                }

                @Override
                public void inflated(int compressed, int bytes) {
                  inflatedFrom.addAndGet(compressed);
                  inflatedTo.addAndGet(bytes);
                }
              });
      return null;
    }

    void expect(String... expected) throws InterruptedException {
      for (String event : expected) {
        assertThat(events.poll(10, SECONDS)).isEqualTo(event);
      }
    }
  }

  private final Notes ofServer = new Notes();
  private final Notes ofClient = new Notes();

  private Server server() {
    return Server.builder(
            WebSocketProtocol.server()
                .path("/chat")
                .compression(WebSocketCompression.DEFAULT)
                .heartbeat(Duration.ofMillis(100), Duration.ofSeconds(10))
                .build(),
            (Connection<WebSocketMessage> c, WebSocketMessage message) -> c.send(message))
        .plugin(ofServer)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(1)
        .start();
  }

  private Client<WebSocketMessage> client(Server server, String path) {
    WebSocketClientBuilder protocol =
        WebSocketProtocol.client(URI.create("ws://127.0.0.1:" + server.port() + path))
            .compression(WebSocketCompression.DEFAULT);
    return Client.builder(
            protocol.build(), (Connection<WebSocketMessage> c, WebSocketMessage message) -> {})
        .plugin(ofClient)
        .connect(protocol.address());
  }

  @Test
  void compressedMessagesAreCounted() throws Exception {
    try (Server server = server();
        Client<WebSocketMessage> client = client(server, "/chat")) {
      client.connected().toCompletableFuture().get(10, SECONDS).send(WebSocketMessage.text(WORDS));
      ofClient.expect("answered 101");
      ofServer.expect("answered 101");
      Eventually.holds("all is back", () -> ofClient.inflatedTo.get() == WORDS.length());
      assertThat(ofClient.deflatedFrom).hasValue(WORDS.length());
      assertThat(ofServer.inflatedTo).hasValue(WORDS.length());
      assertThat(ofServer.deflatedFrom).hasValue(WORDS.length());
      assertThat(ofClient.deflatedTo).hasPositiveValue().hasValueLessThan(WORDS.length() / 4);
      assertThat(ofServer.inflatedFrom).hasValue(ofClient.deflatedTo.get());
      assertThat(ofClient.inflatedFrom).hasValue(ofServer.deflatedTo.get());
    }
  }

  @Test
  void refusalsAreAnswersOnBothSides() throws Exception {
    try (Server server = server();
        Client<WebSocketMessage> client = client(server, "/other")) {
      ofClient.expect("answered 404");
      ofServer.expect("answered 404");
      assertThat(client.isConnected()).isFalse();
    }
  }

  @Test
  void brokenRequestsAreAnsweredToo() throws Exception {
    try (Server server = server();
        HttpPeer peer = HttpPeer.connect(server)) {
      assertThat(peer.get("/chat", "Host: another").read().status()).isEqualTo(400);
      ofServer.expect("answered 400");
    }
  }

  @Test
  void roundTripsAreThoseOfTheHeartbeat() throws Exception {
    try (Server server = server();
        Client<WebSocketMessage> client = client(server, "/chat")) {
      client.connected().toCompletableFuture().get(10, SECONDS);
      Eventually.holds("two pongs", () -> ofServer.roundTrips.size() >= 2);
      assertThat(ofServer.roundTrips).allSatisfy(time -> assertThat(time).isPositive());
    }
  }
}
