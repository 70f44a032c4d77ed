package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.TimedConnections;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The deadline of incomplete messages, with a clock of the test. */
@Timeout(60)
class MessageDeadlineTest {

  private static final Duration WHEEL_DELAY = Duration.ofMillis(300); // two ticks of the wheel
  private static final Duration TIMEOUT = Duration.ofSeconds(30);
  private static final Duration SECOND = Duration.ofSeconds(1);

  private final List<CloseReason> closeReasons = new ArrayList<>();
  private final List<WebSocketMessage.Close> sent = new ArrayList<>();
  private final List<String> messages = new ArrayList<>();
  private TimedConnections<WebSocketMessage, WebSocketMessage> timed;
  private TimedConnections<WebSocketMessage, WebSocketMessage>.Socket socket;

  private final class RecordingHandler implements Handler<WebSocketMessage, WebSocketMessage> {

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
      messages.add(message.toString());
    }

    @Override
    public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
      closeReasons.add(reason);
      sent.add(connection.attribute(WebSocketClose.class).sent());
    }
  }

  @BeforeEach
  void connect() {
    connect(Role.SERVER, /* agreed= */ null, /* streaming= */ false);
  }

  private void connect(Role role, @Nullable PermessageDeflate agreed, boolean streaming) {
    timed =
        new TimedConnections<>(
            () ->
                new WebSocketProtocol(
                    role,
                    LoopbackPair.opened(agreed),
                    ControlPolicy.CLIENT,
                    new MessageLimits(65_536, 1000, streaming, /* textOnly= */ false).newReader()),
            new RecordingHandler());
    socket = timed.connect();
  }

  private void reconnect(Role role, @Nullable PermessageDeflate agreed, boolean streaming) {
    timed.close();
    closeReasons.clear();
    sent.clear();
    connect(role, agreed, streaming);
  }

  @AfterEach
  void close() {
    timed.close();
  }

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex.replace(" ", ""));
  }

  /** Lets time pass in seconds until bytes are sent; returns the elapsed time. */
  private Duration secondsUntilSent(Runnable everySecond) {
    long start = timed.now();
    while (socket.sent().length == 0) {
      everySecond.run();
      timed.pass(SECOND);
    }
    return Duration.ofNanos(timed.now() - start);
  }

  private static String fault(int bytes) {
    return "frame: " + bytes + " bytes received (expected: the end within PT30S plus 1 s per KiB)";
  }

  private void expectEnd(String fault) {
    timed.pass(Duration.ofSeconds(10)); // the rest of the closing handshake
    assertThat(closeReasons).hasToString("[TIMEOUT: " + fault + "]");
    assertThat(sent).containsExactly(new WebSocketMessage.Close(1008, fault));
    assertThat(messages).isEmpty();
  }

  @Test
  void frameThatArrivesTooSlowlyIsClosedWith1008() {
    socket.arrive(bytes("82 fe ffff 00000000")); // announces 65,535 bytes
    Duration taken = secondsUntilSent(() -> socket.arrive(new byte[1]));
    assertThat(taken).isBetween(TIMEOUT, TIMEOUT.plus(SECOND));
    expectEnd(fault(8 + 31));
  }

  @Test
  void fragmentsAreOneMessageWhateverControlFramesComeBetween() {
    socket.arrive(bytes("02 81 00000000 aa"));
    Duration taken = secondsUntilSent(() -> socket.arrive(bytes("8a 80 00000000")));
    assertThat(taken).isBetween(TIMEOUT, TIMEOUT.plus(SECOND));
    expectEnd(fault(7 + 31 * 6));
  }

  @Test
  void slowButSteadyMessageIsAccepted() {
    socket.arrive(bytes("82 fe fa00 00000000")); // 64,000 bytes
    for (int i = 0; i < 64; i++) {
      timed.pass(SECOND);
      socket.arrive(new byte[1000]);
    }
    assertThat(messages).containsExactly("Binary[64000 bytes]");
    timed.pass(Duration.ofMinutes(5));
    assertThat(closeReasons).isEmpty();
  }

  @Test
  void pauseDoesNotCount() {
    socket.arrive(bytes("82 82 00000000 01"));
    timed.pass(Duration.ofSeconds(20));
    socket.connection().pauseReading();
    timed.pass(Duration.ofMinutes(5));
    socket.connection().resumeReading();
    timed.pass(TIMEOUT.minus(SECOND));
    assertThat(closeReasons).isEmpty();
    socket.arrive(bytes("02"));
    assertThat(messages).containsExactly("Binary[2 bytes]");
    timed.pass(TIMEOUT.plus(WHEEL_DELAY));
    assertThat(closeReasons).isEmpty();
  }

  @Test
  void eachMessageHasItsOwnDeadline() {
    for (int i = 0; i < 4; i++) {
      socket.arrive(bytes("82 82 00000000 01"));
      timed.pass(Duration.ofSeconds(20));
      socket.arrive(bytes("02"));
    }
    assertThat(messages).hasSize(4);
    assertThat(closeReasons).isEmpty();
  }

  @Test
  void headerThatArrivesTooSlowlyIsClosedWith1008() {
    socket.arrive(bytes("82"));
    secondsUntilSent(() -> {});
    expectEnd(fault(1));
  }

  @Test
  void clientClosesASlowServerToo() {
    reconnect(Role.CLIENT, /* agreed= */ null, /* streaming= */ false);
    socket.arrive(bytes("82 7e ffff"));
    secondsUntilSent(() -> socket.arrive(new byte[1]));
    expectEnd(fault(4 + 31));
  }

  @Test
  void compressedMessageMustArriveInTimeToo() {
    PermessageDeflate agreed =
        new PermessageDeflate(WebSocketCompression.DEFAULT, false, 15, false, 15);
    reconnect(Role.SERVER, agreed, /* streaming= */ false);
    socket.arrive(bytes("c2 fe ffff 00000000 00"));
    secondsUntilSent(() -> {});
    expectEnd(fault(9));
  }

  @Test
  void messageInPartsHasOneDeadlineAlthoughItsPartsAreDelivered() {
    reconnect(Role.SERVER, /* agreed= */ null, /* streaming= */ true);
    socket.arrive(bytes("82 fe ffff 00000000"));
    Duration taken = secondsUntilSent(() -> socket.arrive(new byte[1]));
    assertThat(taken).isBetween(TIMEOUT, TIMEOUT.plus(SECOND));
    assertThat(messages).hasSize(31);
    messages.clear();
    expectEnd(fault(8 + 31));
  }

  @Test
  void messagesInPartsHaveADeadlineEach() {
    reconnect(Role.SERVER, /* agreed= */ null, /* streaming= */ true);
    socket.arrive(bytes("82 82 00000000 01"));
    for (int i = 0; i < 5; i++) {
      timed.pass(Duration.ofSeconds(20));
      socket.arrive(bytes("02 82 82 00000000 01"));
    }
    assertThat(messages).hasSize(11);
    assertThat(closeReasons).isEmpty();
  }

  @Test
  void controlFramesAreCompleteFrames() {
    socket.arrive(bytes("8a"));
    for (int i = 0; i < 5; i++) {
      timed.pass(Duration.ofSeconds(20));
      socket.arrive(bytes("80 00000000 8a"));
    }
    assertThat(closeReasons).isEmpty();
  }
}
