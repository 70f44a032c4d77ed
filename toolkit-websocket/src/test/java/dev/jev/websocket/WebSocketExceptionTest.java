package dev.jev.websocket;

import static dev.jev.websocket.ClosingClient.closeAfter;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.LogCapture;
import dev.jev.Server;
import dev.jev.websocket.WebSocketMessage.Text;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Faults that a decoder finds in messages, and messages of the wrong kind. */
@Timeout(60)
class WebSocketExceptionTest {

  private final CloseReasons closeReasons = new CloseReasons();
  private final LogCapture log = new LogCapture("dev.jev");
  private @Nullable Server server;

  /** Decodes a number, and refuses others with codes of its own. */
  private static int decode(WebSocketMessage message) {
    String text = ((Text) message).text();
    if (text.isEmpty()) {
      throw new WebSocketException(4001, "nothing to add");
    }
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException e) {
      throw new WebSocketException(1007, "not a number", e);
    }
  }

  private Server start(Supplier<WebSocketProtocol> sockets) {
    server =
        Server.<Integer, WebSocketMessage>builder(
                () -> sockets.get().mapInbound(WebSocketExceptionTest::decode),
                (connection, number) -> connection.close("got " + number))
            .plugin(closeReasons)
            .listen("tcp://127.0.0.1:0")
            .start();
    return server;
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    log.close();
  }

  @Test
  void decoderChoosesTheCloseFrame() throws Exception {
    start(WebSocketProtocol::new);
    assertThat(closeAfter(server, "7")).isEqualTo("1000 got 7");
    closeReasons.expect("CLOSED: got 7");
    assertThat(closeAfter(server, "")).isEqualTo("4001 nothing to add");
    closeReasons.expect("PROTOCOL_ERROR: nothing to add");
    assertThat(log.records()).isEmpty(); // a fault of the peer
  }

  @Test
  void causeIsKeptForOnCloseAndNotSent() throws Exception {
    start(WebSocketProtocol::new);
    assertThat(closeAfter(server, "seven")).isEqualTo("1007 not a number");
    closeReasons.expect(
        "PROTOCOL_ERROR: not a number:"
            + " java.lang.NumberFormatException: For input string: \"seven\"");
  }

  @Test
  void bytesAreAnsweredWith1003IfOnlyTextsAreExpected() throws Exception {
    start(WebSocketProtocol.server().textOnly().build());
    assertThat(closeAfter(server, new byte[] {1}))
        .isEqualTo("1003 message: binary (expected: text)");
    closeReasons.expect("PROTOCOL_ERROR: message: binary (expected: text)");
    assertThat(closeAfter(server, "7")).isEqualTo("1000 got 7");
  }

  @Test
  void textOnlyAppliesToPartsToo() throws Exception {
    server =
        Server.builder(
                WebSocketProtocol.server().streaming().textOnly().build(),
                (connection, part) -> connection.close("a part"))
            .listen("tcp://127.0.0.1:0")
            .start();
    assertThat(closeAfter(server, new byte[] {1})).startsWith("1003 ");
    assertThat(closeAfter(server, "text")).isEqualTo("1000 a part");
  }

  @Test
  void codeHasToBeOneThatCanBeSent() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new WebSocketException(1006, ""))
        .withMessage("close code: 1006 (expected: 1000..1003, 1007..1014 or 3000..4999)");
    WebSocketException fault = new WebSocketException(4000, "why", new IllegalStateException("x"));
    assertThat(fault.code()).isEqualTo(4000);
    assertThat(fault.reason()).isEqualTo("why");
    assertThat(fault).hasMessage("why: java.lang.IllegalStateException: x");
    assertThat(fault.getStackTrace()).isEmpty();
  }
}
