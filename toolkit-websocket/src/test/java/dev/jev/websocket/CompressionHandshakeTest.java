package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.websocket.HttpPeer.Reply;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Negotiation of permessage-deflate (RFC 7692, 5 and 7.1). */
@Timeout(60)
class CompressionHandshakeTest {

  private static final String DEFLATE = "permessage-deflate";
  private static final String NONE = "; server_no_context_takeover; client_no_context_takeover";
  private static final WebSocketCompression TAKEOVER =
      WebSocketCompression.DEFAULT.contextTakeover();

  private static Server server;

  @BeforeAll
  static void start() {
    Handler<WebSocketMessage, WebSocketMessage> echo =
        (connection, message) -> connection.send(message);
    server =
        Server.builder(WebSocketProtocol.server().compression().build(), echo)
            .listen("tcp://127.0.0.1:0")
            .start();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  /** Returns the response to the offers in header lines, or null. */
  private static String answer(WebSocketCompression options, String... lines) {
    PermessageDeflate agreed =
        PermessageDeflate.accept(options, ExtensionOffer.parse(List.of(lines)));
    return agreed == null ? null : agreed.answer();
  }

  private static String withoutTakeover(String... lines) {
    return answer(WebSocketCompression.DEFAULT, lines);
  }

  @ParameterizedTest
  @CsvSource({
    "'', ''",
    "; server_no_context_takeover, ''",
    "; client_no_context_takeover, ''",
    "; client_max_window_bits, ''",
    "; client_max_window_bits; server_no_context_takeover; client_no_context_takeover, ''",
    "; client_max_window_bits=8, ; client_max_window_bits=8",
    "; client_max_window_bits=15, ; client_max_window_bits=15",
    "; server_max_window_bits=8, ; server_max_window_bits=8",
    "; server_max_window_bits=9, ; server_max_window_bits=9",
    "; server_max_window_bits=15, ; server_max_window_bits=15",
    " ;server_max_window_bits = 10 ;client_max_window_bits, ; server_max_window_bits=10",
    "; client_max_window_bits=12; server_max_window_bits=10, ; server_max_window_bits=10; client_max_window_bits=12"
  })
  void serverDeclinesTakeoverByDefault(String offer, String windows) {
    assertThat(withoutTakeover(DEFLATE + offer)).isEqualTo(DEFLATE + NONE + windows);
  }

  @ParameterizedTest
  @CsvSource({
    "'', ''",
    "; client_max_window_bits, ''",
    "; server_no_context_takeover, ; server_no_context_takeover",
    "; client_no_context_takeover, ; client_no_context_takeover",
    "; client_no_context_takeover; server_no_context_takeover, ; server_no_context_takeover; client_no_context_takeover",
    "; server_max_window_bits=10; client_no_context_takeover, ; client_no_context_takeover; server_max_window_bits=10"
  })
  void serverUsesConfiguredTakeoverUnlessTheClientDeclinesIt(String offer, String answer) {
    assertThat(answer(TAKEOVER, DEFLATE + offer)).isEqualTo(DEFLATE + answer);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "; unknown",
        "; unknown=1",
        "; Server_no_context_takeover",
        "; server_no_context_takeover; server_no_context_takeover",
        "; client_no_context_takeover; client_no_context_takeover",
        "; client_max_window_bits; client_max_window_bits",
        "; client_max_window_bits=10; client_max_window_bits=10",
        "; server_max_window_bits=10; server_max_window_bits=11",
        "; server_no_context_takeover=1",
        "; server_no_context_takeover=true",
        "; client_no_context_takeover=1",
        "; server_max_window_bits",
        "; server_max_window_bits=abc",
        "; server_max_window_bits=7",
        "; server_max_window_bits=16",
        "; server_max_window_bits=0",
        "; server_max_window_bits=08",
        "; server_max_window_bits=+9",
        "; server_max_window_bits=-9",
        "; server_max_window_bits=9.0",
        "; server_max_window_bits=10a",
        "; server_max_window_bits=1000000000000",
        "; server_max_window_bits=\"10\"",
        "; client_max_window_bits=abc",
        "; client_max_window_bits=7",
        "; client_max_window_bits=16",
        "; client_max_window_bits=08",
        "; client_max_window_bits=\"10\"",
        "; client_max_window_bits; unknown"
      })
  void invalidOfferIsDeclinedAndTheNextOneAccepted(String offer) {
    assertThat(withoutTakeover(DEFLATE + offer)).isNull();
    String next = DEFLATE + "; server_max_window_bits=11";
    String answer = DEFLATE + NONE + "; server_max_window_bits=11";
    assertThat(withoutTakeover(DEFLATE + offer + ", " + next)).isEqualTo(answer);
    assertThat(withoutTakeover(DEFLATE + offer, next)).isEqualTo(answer);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "x-webkit-deflate-frame",
        "deflate-frame; no_context_takeover",
        "permessage-bzip2",
        "PerMessage-Deflate2",
        "permessage"
      })
  void otherExtensionIsDeclined(String offer) {
    assertThat(withoutTakeover(offer)).isNull();
    assertThat(withoutTakeover(offer + ", " + DEFLATE)).isEqualTo(DEFLATE + NONE);
  }

  @Test
  void firstOfSeveralOffersIsAccepted() {
    assertThat(
            withoutTakeover(
                "other; a=1, " + DEFLATE + "; server_max_window_bits=9, " + DEFLATE,
                DEFLATE + "; server_max_window_bits=12"))
        .isEqualTo(DEFLATE + NONE + "; server_max_window_bits=9");
  }

  // Over a socket.

  private static String lineOf(String... offers) throws Exception {
    String[] lines = new String[offers.length];
    for (int i = 0; i < lines.length; i++) {
      lines[i] = PermessageDeflate.HEADER + ": " + offers[i];
    }
    try (HttpPeer peer = HttpPeer.connect(server)) {
      Reply reply = peer.write(HttpPeer.handshake(lines)).read();
      assertThat(reply.status()).isEqualTo(101);
      assertThat(peer.write(HttpPeer.frame("plain")).readText()).isEqualTo("plain");
      assertThat(reply.lines().stream().filter(l -> l.startsWith("Sec-WebSocket-Ext")))
          .hasSizeLessThan(2);
      return reply.header(PermessageDeflate.HEADER);
    }
  }

  @Test
  void answerIsInTheResponse() throws Exception {
    assertThat(lineOf(DEFLATE + "; client_max_window_bits")).isEqualTo(DEFLATE + NONE);
    assertThat(lineOf("a, b; c", DEFLATE + "; server_max_window_bits=10"))
        .isEqualTo(DEFLATE + NONE + "; server_max_window_bits=10");
  }

  @Test
  void declinedOfferHasNoAnswer() throws Exception {
    assertThat(lineOf()).isNull();
    assertThat(lineOf("x-webkit-deflate-frame")).isNull();
    assertThat(lineOf(DEFLATE + "; server_max_window_bits=abc")).isNull();
  }

  @Test
  void malformedListIsRefused() throws Exception {
    try (HttpPeer peer = HttpPeer.connect(server)) {
      peer.write(HttpPeer.handshake(PermessageDeflate.HEADER + ": ;"));
      assertThat(peer.read().status()).isEqualTo(400);
      peer.expectEnd();
    }
  }

  // Client.

  @Test
  void clientOffersNoTakeoverFirstAndTheServerAcceptsThat() {
    assertThat(PermessageDeflate.offer(WebSocketCompression.DEFAULT))
        .isEqualTo(
            "permessage-deflate; client_max_window_bits; client_no_context_takeover;"
                + " server_no_context_takeover, permessage-deflate; client_max_window_bits");
    assertThat(PermessageDeflate.offer(TAKEOVER))
        .isEqualTo("permessage-deflate; client_max_window_bits");
    for (WebSocketCompression options : List.of(WebSocketCompression.DEFAULT, TAKEOVER)) {
      assertThat(withoutTakeover(PermessageDeflate.offer(options))).isEqualTo(DEFLATE + NONE);
    }
  }

  private static PermessageDeflate agreed(WebSocketCompression options, String answer) {
    return PermessageDeflate.agreed(options, ExtensionOffer.parse(List.of(answer)).get(0));
  }

  @ParameterizedTest
  @CsvSource({
    "'', true, 0, true, 0",
    "; server_no_context_takeover, true, 0, false, 0",
    "; client_no_context_takeover, false, 0, true, 0",
    "; client_max_window_bits=9, true, 9, true, 0",
    "; server_max_window_bits=8, true, 0, true, 8",
    "; server_max_window_bits=8; client_max_window_bits=15; client_no_context_takeover, false, 15, true, 8"
  })
  void clientObeysTheAnswer(
      String answer, boolean ownTakeover, int ownBits, boolean peerTakeover, int peerBits) {
    assertThat(agreed(TAKEOVER, DEFLATE + answer))
        .isEqualTo(new PermessageDeflate(TAKEOVER, ownTakeover, ownBits, peerTakeover, peerBits));
    WebSocketCompression options = WebSocketCompression.DEFAULT;
    assertThat(agreed(options, DEFLATE + answer))
        .isEqualTo(new PermessageDeflate(options, false, ownBits, peerTakeover, peerBits));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "other",
        "permessage-deflate; unknown",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=08",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover"
      })
  void clientRefusesAnInvalidAnswer(String answer) {
    assertThat(agreed(TAKEOVER, answer)).isNull();
  }

  @Test
  void optionsAreChecked() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> WebSocketCompression.DEFAULT.level(0))
        .withMessage("level: 0 (expected: 1..9)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> WebSocketCompression.DEFAULT.level(10))
        .withMessage("level: 10 (expected: 1..9)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> WebSocketCompression.DEFAULT.minBytes(0))
        .withMessage("minBytes: 0 (expected: 1..1073741824)");
    WebSocketCompression options =
        WebSocketCompression.DEFAULT.level(9).minBytes(1).contextTakeover();
    assertThat(options.level()).isEqualTo(9);
    assertThat(options.minBytes()).isEqualTo(1);
    assertThat(options.hasContextTakeover()).isTrue();
    assertThat(WebSocketCompression.DEFAULT.hasContextTakeover()).isFalse();
  }
}
