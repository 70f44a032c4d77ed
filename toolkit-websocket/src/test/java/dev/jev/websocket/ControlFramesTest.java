package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.plugin.Limits;
import dev.jev.websocket.WebSocketMessage.Ping;
import dev.jev.websocket.WebSocketMessage.Pong;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.HexFormat;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Pings and pongs over real sockets, of the heartbeat and of handlers. */
@Timeout(60)
class ControlFramesTest {

  private final BlockingQueue<String> events = new LinkedBlockingQueue<>();
  private final BlockingQueue<Connection<WebSocketMessage>> connections =
      new LinkedBlockingQueue<>();
  private Server server;

  /** Records events, with the payload of pings and pongs. */
  private final class RecordingHandler implements Handler<WebSocketMessage, WebSocketMessage> {

    @Override
    public void onConnect(Connection<WebSocketMessage> connection) {
      connections.add(connection);
    }

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
      if (message instanceof Ping ping) {
        events.add("ping " + ByteBufUtil.hexDump(ping.content()));
      } else if (message instanceof Pong pong) {
        events.add("pong " + ByteBufUtil.hexDump(pong.content()));
      } else {
        events.add(message.toString());
      }
    }

    @Override
    public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
      events.add("close " + reason);
    }
  }

  @AfterEach
  void stop() {
    server.close();
    assertThat(events).allMatch(event -> event.startsWith("close "));
  }

  private void start(Consumer<WebSocketServerBuilder> options, Limits... limits) {
    WebSocketServerBuilder protocol = WebSocketProtocol.server();
    options.accept(protocol);
    Server.Builder<WebSocketMessage, WebSocketMessage> builder =
        Server.builder(protocol.build(), new RecordingHandler())
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .lingeringCloseTimeout(Duration.ofMillis(50));
    for (Limits each : limits) {
      builder.plugin(each);
    }
    server = builder.start();
  }

  private HttpPeer connect() throws Exception {
    HttpPeer peer = HttpPeer.connect(server);
    assertThat(peer.write(HttpPeer.handshake()).read().status()).isEqualTo(101);
    return peer;
  }

  private void expect(String... expected) throws InterruptedException {
    for (String event : expected) {
      assertThat(events.poll(20, TimeUnit.SECONDS)).isEqualTo(event);
    }
  }

  private Connection<WebSocketMessage> connection() throws InterruptedException {
    Connection<WebSocketMessage> connection = connections.poll(20, TimeUnit.SECONDS);
    assertThat(connection).isNotNull();
    return connection;
  }

  /** Returns a control frame masked with four zeros. */
  private static String frame(int opcode, String payload) {
    return (char) (0x80 | opcode) + "" + (char) (0x80 | payload.length()) + "\0\0\0\0" + payload;
  }

  @Test
  void silentPeerTimesOutAndRoundTripOfAnAnsweringPeerIsMeasured() throws Exception {
    start(protocol -> protocol.heartbeat(Duration.ofMillis(400), Duration.ofSeconds(3)));
    URI uri = URI.create("ws://127.0.0.1:" + server.port() + "/");
    WebSocketClientBuilder protocol = WebSocketProtocol.client(uri);
    Client<WebSocketMessage> client =
        Client.builder(protocol.build(), (connection, message) -> {}).connect(protocol.address());
    Connection<WebSocketMessage> alive = connection();
    try (HttpPeer silent = connect()) {
      expect("close TIMEOUT: pong: none within PT3S (expected: one)");
      assertThat(silent.raw().readAll()).hasSize(10); // the ping, and no close frame
    }
    Eventually.holds("a round trip", () -> alive.attribute(WebSocketRoundTrip.class) != null);
    assertThat(alive.isOpen()).isTrue();
    client.close();
  }

  @Test
  void handlerGetsPingsAndPongsOnRequestAndPingsAreStillAnswered() throws Exception {
    start(WebSocketServerBuilder::deliverControlFrames);
    try (HttpPeer peer = connect()) {
      peer.write(frame(9, "a") + frame(9, "b") + frame(10, "c") + frame(9, "") + frame(9, "d"));
      expect("ping 61", "ping 62", "pong 63", "ping ", "ping 64");
      assertThat(HexFormat.of().formatHex(peer.raw().read(11))).isEqualTo("8a01618a01628a008a0164");
    }
  }

  @Test
  void pingThatComesInPartsIsAnsweredAndDelivered() throws Exception {
    start(WebSocketServerBuilder::deliverControlFrames);
    try (HttpPeer peer = connect()) {
      peer.writeOneByOne(frame(9, "abc") + frame(9, "d"));
      expect("ping 616263", "ping 64");
      assertThat(peer.raw().read(8))
          .isEqualTo(new byte[] {(byte) 0x8a, 3, 'a', 'b', 'c', (byte) 0x8a, 1, 'd'});
    }
  }

  @Test
  void handlerGetsNoControlFramesByDefaultButMaySendThem() throws Exception {
    start(protocol -> {});
    try (HttpPeer peer = connect()) {
      Connection<WebSocketMessage> connection = connection();
      ByteBuf payload = Unpooled.wrappedBuffer(new byte[125]);
      connection.send(WebSocketMessage.ping(payload));
      connection.send(WebSocketMessage.pong(Unpooled.EMPTY_BUFFER));
      byte[] sent = peer.raw().read(129);
      assertThat(sent).startsWith(0x89, 125).endsWith(0x8a, 0);
      peer.write(frame(10, "answer") + frame(9, "q") + HttpPeer.frame("text"));
      expect("Text[4 bytes]");
      assertThat(peer.raw().read(3)).isEqualTo(new byte[] {(byte) 0x8a, 1, 'q'});
      Eventually.holds("the payload is released", () -> payload.refCnt() == 0);
    }
  }

  @Test
  void payloadsAreLimitedAndReleasedIfTheyAreTooLong() {
    start(protocol -> {});
    ByteBuf payload = Unpooled.buffer().writeZero(126);
    assertThatThrownBy(() -> WebSocketMessage.ping(payload))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("ping payload: 126 bytes (expected: <= 125)");
    assertThat(payload.refCnt()).isZero();
    assertThatThrownBy(() -> WebSocketMessage.pong(Unpooled.buffer().writeZero(200)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("pong payload: 200 bytes (expected: <= 125)");
  }

  @Test
  void floodOfPingsFromAPeerThatNeverReadsIsEndedAndBuffersAlmostNothing() throws Exception {
    start(protocol -> {});
    try (HttpPeer peer = connect()) {
      Connection<WebSocketMessage> connection = connection();
      long most = 0;
      String ping = frame(9, "p".repeat(125));
      try {
        for (int i = 0; i < 10_000; i++) {
          peer.write(ping);
          most = Math.max(most, connection.pendingBytes());
        }
      } catch (IOException e) {
        // The server has closed the connection.
      }
      expect("close PROTOCOL_ERROR: control frames: too many (expected: <= 3 per second)");
      assertThat(most).as("pending bytes").isLessThanOrEqualTo(62 * 127); // the pongs of a burst
    }
  }

  @Test
  void pingsOfAPeerThatTakesNoOutputStayUnreadUntilTheWriteStallTimeout() throws Exception {
    start(protocol -> {}, Limits.builder().writeStallTimeout(Duration.ofSeconds(3)).build());
    try (HttpPeer peer = connect()) {
      Connection<WebSocketMessage> connection = connection();
      CompletableFuture<Long> filled = new CompletableFuture<>();
      connection.execute(
          () -> {
            while (connection.isWritable()) {
              connection.send(WebSocketMessage.binary(new byte[64 * 1024]));
            }
            filled.complete(connection.pendingBytes());
          });
      long pending = filled.get(20, TimeUnit.SECONDS);
      for (int i = 0; i < 20; i++) {
        peer.write(frame(9, "p".repeat(125)));
      }
      assertThat(connection.pendingBytes()).isLessThanOrEqualTo(pending);
      expect("close TIMEOUT");
    }
  }
}
