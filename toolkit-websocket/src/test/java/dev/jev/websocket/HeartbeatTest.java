package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.TimedConnections;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Pings and the detection of dead peers, with a clock of the test. */
@Timeout(60)
class HeartbeatTest {

  private static final Duration LONGEST = Duration.ofSeconds(30); // 25 s plus a fifth
  private static final Duration PONG = Duration.ofSeconds(10);
  private static final Duration WHEEL_DELAY = Duration.ofMillis(300); // two ticks of the wheel
  private static final String MASK = "00000000";

  private final List<CloseReason> closeReasons = new ArrayList<>();
  private final List<WebSocketClose> closeFrames = new ArrayList<>();
  private final List<String> messages = new ArrayList<>();
  private @Nullable TimedConnections<WebSocketMessage, WebSocketMessage> timed;

  private final class RecordingHandler implements Handler<WebSocketMessage, WebSocketMessage> {

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
      messages.add(message.toString());
    }

    @Override
    public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
      closeReasons.add(reason);
      closeFrames.add(connection.attribute(WebSocketClose.class));
    }
  }

  private TimedConnections<WebSocketMessage, WebSocketMessage>.Socket connect(
      Role role, ControlPolicy policy) {
    if (timed == null) {
      timed =
          new TimedConnections<>(
              () ->
                  new WebSocketProtocol(
                      role,
                      LoopbackPair.opened(/* agreed= */ null),
                      policy,
                      new MessageLimits(65_536, 8, /* streaming= */ false, /* textOnly= */ false)
                          .newReader()),
              new RecordingHandler());
    }
    return timed.connect();
  }

  private TimedConnections<WebSocketMessage, WebSocketMessage>.Socket connect() {
    return connect(Role.SERVER, ControlPolicy.SERVER);
  }

  @AfterEach
  void close() {
    if (timed != null) {
      timed.close();
    }
  }

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex.replace("MASK", MASK).replace(" ", ""));
  }

  /** Lets time pass until bytes are sent; returns them, or no bytes after {@code longest}. */
  private byte[] awaitSent(
      TimedConnections<WebSocketMessage, WebSocketMessage>.Socket socket, Duration longest) {
    long end = timed.now() + longest.toNanos();
    byte[] sent = socket.sent();
    while (sent.length == 0 && timed.now() < end) {
      timed.pass(Duration.ofMillis(10));
      sent = socket.sent();
    }
    return sent;
  }

  /** Returns the payload in hex of bytes that must be one ping. */
  private static String payloadOf(byte[] ping) {
    assertThat(ping).hasSize(10).startsWith(0x89, 0x08);
    return HexFormat.of().formatHex(ping, 2, 10);
  }

  private static byte[] pong(String payload) {
    return bytes("8a 88 MASK" + payload);
  }

  @Test
  void pingsComeEvery25SecondsPlusOrMinusAFifthAtRandom() {
    var socket = connect();
    List<Long> pauses = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      long start = timed.now();
      String payload = payloadOf(awaitSent(socket, LONGEST.plus(WHEEL_DELAY)));
      pauses.add(Duration.ofNanos(timed.now() - start).toMillis());
      socket.arrive(pong(payload));
    }
    assertThat(pauses).allSatisfy(pause -> assertThat(pause).isBetween(20_000L, 30_300L));
    assertThat(pauses.stream().distinct().count()).as("different pauses").isGreaterThan(20);
    assertThat(pauses.stream().mapToLong(Long::longValue).average().orElseThrow())
        .isBetween(23_000.0, 27_300.0);
    assertThat(closeReasons).isEmpty();
  }

  @Test
  void pingsAreAllDifferentAndThoseOfAClientAreMasked() {
    var socket = connect(Role.CLIENT, ControlPolicy.CLIENT.heartbeat(PONG, PONG));
    List<String> payloads = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      byte[] ping = awaitSent(socket, Duration.ofSeconds(13));
      assertThat(ping).hasSize(14).startsWith(0x89, 0x88);
      for (int at = 0; at < 8; at++) {
        ping[6 + at] ^= ping[2 + at % 4];
      }
      payloads.add(HexFormat.of().formatHex(ping, 6, 14));
      socket.arrive(bytes("8a08" + payloads.get(i)));
    }
    assertThat(payloads).doesNotHaveDuplicates();
    assertThat(payloads.stream().map(payload -> payload.substring(0, 8)).distinct()).hasSize(1);
    assertThat(closeReasons).isEmpty();
  }

  @Test
  void clientSendsNoPingsByDefault() throws Exception {
    var socket = connect(Role.CLIENT, ControlPolicy.CLIENT);
    assertThat(timed.timers()).isZero();
    assertThat(awaitSent(socket, Duration.ofMinutes(2))).isEmpty();
    assertThat(closeReasons).isEmpty();
  }

  @Test
  void serverWithoutHeartbeatSendsNoPings() throws Exception {
    var socket = connect(Role.SERVER, ControlPolicy.SERVER.withoutHeartbeat());
    assertThat(timed.timers()).isZero();
    assertThat(awaitSent(socket, Duration.ofMinutes(2))).isEmpty();
    assertThat(closeReasons).isEmpty();
  }

  @Test
  void silentPeerTimesOutAfterPingAndPong() {
    var socket = connect();
    long start = timed.now();
    payloadOf(awaitSent(socket, LONGEST.plus(WHEEL_DELAY)));
    long pinged = timed.now();
    while (closeReasons.isEmpty()) {
      timed.pass(Duration.ofMillis(10));
    }
    assertThat(timed.now() - pinged)
        .isBetween(PONG.minusMillis(10).toNanos(), PONG.plus(WHEEL_DELAY).toNanos());
    assertThat(timed.now() - start)
        .isLessThanOrEqualTo(LONGEST.plus(PONG).plus(WHEEL_DELAY.multipliedBy(2)).toNanos());
    assertThat(closeReasons).hasToString("[TIMEOUT: pong: none within PT10S (expected: one)]");
    assertThat(socket.sent()).as("no close frame to a dead peer").isEmpty();
    assertThat(closeFrames).containsExactly((WebSocketClose) null);
    assertThat(socket.isOpen()).isFalse();
  }

  @Test
  void bytesOfALongMessageAreASignOfLife() {
    var socket = connect();
    socket.arrive(bytes("82 fe ffff MASK")); // the pong can only follow it
    for (int i = 0; i < 6; i++) {
      timed.pass(Duration.ofSeconds(9));
      socket.arrive(new byte[10_000]);
    }
    assertThat(closeReasons).isEmpty();
    assertThat(socket.connection().attribute(WebSocketRoundTrip.class)).isNull();
    timed.pass(LONGEST.plus(PONG).plus(WHEEL_DELAY.multipliedBy(3)));
    assertThat(closeReasons).hasSize(1);
  }

  @Test
  void roundTripIsTheTimeFromPingToPongAndSmoothed() {
    var socket = connect();
    String payload = payloadOf(awaitSent(socket, LONGEST.plus(WHEEL_DELAY)));
    timed.pass(Duration.ofMillis(80));
    assertThat(socket.connection().attribute(WebSocketRoundTrip.class)).isNull();
    socket.arrive(pong(payload));
    WebSocketRoundTrip trip = socket.connection().attribute(WebSocketRoundTrip.class);
    long first = trip.lastNanos();
    assertThat(first).isBetween(80_000_000L, 90_000_000L).isEqualTo(trip.smoothedNanos());
    payload = payloadOf(awaitSent(socket, LONGEST.plus(WHEEL_DELAY)));
    timed.pass(Duration.ofMillis(160));
    socket.arrive(pong(payload));
    socket.arrive(pong(payload)); // a duplicate is ignored
    assertThat(trip.lastNanos()).isBetween(160_000_000L, 170_000_000L);
    assertThat(trip.smoothedNanos()).isEqualTo(first + (trip.lastNanos() - first) / 8);
    assertThat(socket.connection().attribute(WebSocketRoundTrip.class)).isSameAs(trip);
    assertThat(trip)
        .hasToString(
            "WebSocketRoundTrip[last %d ns, smoothed %d ns]",
            trip.lastNanos(), trip.smoothedNanos());
  }

  @Test
  void oldAndForeignPongsMeasureNothing() {
    var socket = connect();
    String old = payloadOf(awaitSent(socket, LONGEST.plus(WHEEL_DELAY)));
    socket.arrive(bytes("8a 80 MASK"));
    socket.arrive(pong("0102030405060708"));
    socket.arrive(pong(old.substring(0, 15) + (old.endsWith("0") ? "1" : "0")));
    assertThat(socket.connection().attribute(WebSocketRoundTrip.class)).isNull();
    payloadOf(awaitSent(socket, LONGEST.plus(WHEEL_DELAY)));
    socket.arrive(pong(old));
    assertThat(socket.connection().attribute(WebSocketRoundTrip.class)).isNull();
    assertThat(closeReasons).isEmpty();
  }

  @Test
  void pingIsNotSentAndNoPongExpectedWhileTheHandlerPauses() {
    var socket = connect();
    socket.connection().pauseReading();
    assertThat(awaitSent(socket, Duration.ofMinutes(5))).isEmpty();
    assertThat(closeReasons).isEmpty();
    socket.connection().resumeReading();
    payloadOf(awaitSent(socket, PONG.plus(WHEEL_DELAY)));
    socket.connection().pauseReading(); // the pong may be in transit
    timed.pass(Duration.ofMinutes(5));
    assertThat(closeReasons).isEmpty();
    socket.connection().resumeReading();
    timed.pass(PONG.minusMillis(1));
    assertThat(closeReasons).as("not before the whole pong time has passed again").isEmpty();
    timed.pass(WHEEL_DELAY.plusMillis(1));
    assertThat(closeReasons).hasToString("[TIMEOUT: pong: none within PT10S (expected: one)]");
  }

  @Test
  void pauseThatEndsJustBeforeTheDeadlineDoesNotCount() {
    var socket = connect();
    String payload = payloadOf(awaitSent(socket, LONGEST.plus(WHEEL_DELAY)));
    socket.connection().pauseReading();
    timed.pass(PONG.minusMillis(100));
    socket.connection().resumeReading();
    timed.pass(Duration.ofSeconds(1));
    socket.arrive(pong(payload));
    assertThat(socket.connection().attribute(WebSocketRoundTrip.class))
        .as("not measured across a pause")
        .isNull();
    timed.pass(PONG);
    assertThat(closeReasons).isEmpty();
  }

  @Test
  void peerThatTakesNoOutputGetsNoFurtherPing() {
    var socket = connect();
    socket.fill();
    socket
        .connection()
        .send(WebSocketMessage.binary(new byte[60_000])); // more than the high watermark
    long pending = socket.connection().pendingBytes();
    timed.pass(Duration.ofMinutes(30));
    assertThat(closeReasons).isEmpty();
    assertThat(socket.connection().pendingBytes()).isEqualTo(pending);
    socket.drain();
    assertThat(socket.sent()).hasSize(60_004);
    payloadOf(awaitSent(socket, PONG.plus(WHEEL_DELAY)));
  }

  @Test
  void suspendedProcessDoesNotTimeOutLivingPeers() {
    var alive = connect();
    var dead = connect();
    String ping = payloadOf(awaitSent(alive, LONGEST.plus(WHEEL_DELAY)));
    timed.halt(Duration.ofMinutes(10)); // the timer runs before anything is read
    alive.arrive(pong(ping));
    for (int i = 0; i < 10; i++) {
      for (byte[] sent = alive.sent(); sent.length >= 10; sent = alive.sent()) {
        alive.arrive(pong(HexFormat.of().formatHex(sent, sent.length - 8, sent.length)));
      }
      timed.pass(Duration.ofSeconds(5));
    }
    assertThat(alive.isOpen()).isTrue();
    assertThat(dead.isOpen()).isFalse();
    assertThat(closeReasons).hasSize(1);
  }

  @Test
  void nothingIsSentAfterTheClose() throws Exception {
    var socket = connect();
    socket.connection().close();
    assertThat(socket.sent()).isEqualTo(bytes("88 02 03e8"));
    timed.pass(Duration.ofMinutes(1));
    assertThat(socket.sent()).isEmpty();
    assertThat(timed.timers()).isZero();
  }

  @Test
  void tenThousandConnectionsHaveOneTimer() throws Exception {
    for (int i = 0; i < 10_000; i++) {
      connect();
    }
    assertThat(timed.timers()).isEqualTo(1);
    timed.pass(Duration.ofSeconds(21)); // some have received a ping
    assertThat(timed.timers()).isEqualTo(1);
  }

  @Test
  void thousandDeadPeersAreAllFound() throws Exception {
    for (int i = 0; i < 1_000; i++) {
      connect();
    }
    timed.pass(LONGEST.plus(PONG).plus(WHEEL_DELAY.multipliedBy(2)));
    assertThat(closeReasons).hasSize(1_000);
    timed.pass(LONGEST);
    assertThat(timed.timers()).isZero();
  }

  @Test
  void handlerThatWantsControlFramesDoesNotGetThePongsOfTheHeartbeat() {
    var socket = connect(Role.SERVER, ControlPolicy.SERVER.delivering());
    String payload = payloadOf(awaitSent(socket, LONGEST.plus(WHEEL_DELAY)));
    socket.arrive(pong(payload));
    socket.arrive(pong(payload));
    socket.arrive(bytes("8a 81 MASK 61"));
    assertThat(messages).containsExactly("Pong[1 bytes]");
  }

  @Test
  void timesAreBounded() {
    WebSocketServerBuilder server = WebSocketProtocol.server();
    assertThatThrownBy(() -> server.heartbeat(Duration.ofMillis(9), PONG))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("ping: PT0.009S (expected: PT0.01S..PT24H)");
    WebSocketClientBuilder client = WebSocketProtocol.client(URI.create("ws://localhost"));
    assertThatThrownBy(() -> client.heartbeat(PONG, Duration.ofDays(2)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("pong: PT48H (expected: PT0.01S..PT24H)");
  }
}
