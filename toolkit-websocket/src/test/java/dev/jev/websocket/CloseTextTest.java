package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Connection;
import dev.jev.Server;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The text of a close, as a client of another implementation receives it. */
@Timeout(30)
class CloseTextTest {

  private final CloseReasons closeReasons = new CloseReasons();
  private Server server;

  /** Closes with the reason that a text asks for. */
  private static void answer(Connection<WebSocketMessage> connection, WebSocketMessage message) {
    String text = ((WebSocketMessage.Text) message).text();
    if (text.startsWith("limit ")) {
      connection.close(CloseReason.of(Kind.LIMIT, text.substring(6)));
    } else {
      connection.close(text);
    }
  }

  @BeforeEach
  void start() {
    server =
        Server.builder(WebSocketProtocol::new, CloseTextTest::answer)
            .plugin(closeReasons)
            .listen("tcp://127.0.0.1:0")
            .start();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private String closeAfter(String text) throws Exception {
    return ClosingClient.closeAfter(server, text);
  }

  @Test
  void closeFrameHasTheText() throws Exception {
    assertThat(closeAfter("bad login")).isEqualTo("1000 bad login");
    closeReasons.expect("CLOSED: bad login");
    assertThat(closeAfter("limit too many rooms")).isEqualTo("1008 too many rooms");
    closeReasons.expect("LIMIT: too many rooms");
  }

  @Test
  void longTextIsCutBetweenCharacters() throws Exception {
    assertThat(closeAfter("x" + "\u20ac".repeat(41))).isEqualTo("1000 x" + "\u20ac".repeat(40));
    closeReasons.expect("CLOSED: x" + "\u20ac".repeat(41));
  }

  @Test
  void textThatFitsExactlyIsSentInFull() throws Exception {
    assertThat(closeAfter("\u20ac".repeat(41))).isEqualTo("1000 " + "\u20ac".repeat(41));
  }

  @Test
  void halfASurrogatePairBecomesAQuestionMark() {
    assertThat(WebSocketMessage.Close.cut(1000, "a\ud83d").reason()).isEqualTo("a?");
  }
}
