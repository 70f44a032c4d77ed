package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.jev.Handler;
import dev.jev.ProtocolException;
import dev.jev.Server;
import dev.jev.test.RawPeer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import java.util.zip.Deflater;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Limits of the work that compressed messages cause: final blocks, and much output. */
@Timeout(60)
class InflateWorkTest {

  private static final int MAX_MESSAGE_BYTES = 1 << 20;
  private static final String MASK = "00000000";
  private static final String EMPTY_FINAL = "0300";
  private static final String HELLO_FINAL = "f348cdc9c90700";
  private static final String LONG_FINAL = storedBlock(59) + EMPTY_FINAL;

  /** Returns a block of letters, which is not the final one. */
  private static String storedBlock(int length) {
    return String.format(
            Locale.ROOT,
            "00%02x%02x%02x%02x",
            length & 0xff,
            length >> 8,
            ~length & 0xff,
            (~length >> 8) & 0xff)
        + "61".repeat(length);
  }

  private static PermessageDeflate agreed(boolean takeover) {
    WebSocketCompression options = WebSocketCompression.DEFAULT;
    return new PermessageDeflate(
        takeover ? options.contextTakeover() : options, takeover, 0, takeover, 0);
  }

  /** Returns a message, masked with zeros, in one frame. */
  private static byte[] message(String hex) {
    int length = hex.length() / 2;
    String form = length < 126 ? "c1%02x" : length < 65_536 ? "c1fe%04x" : "c1ff%016x";
    String header = String.format(Locale.ROOT, form, length < 126 ? 0x80 | length : length);
    return HexFormat.of().parseHex(header + MASK + hex);
  }

  private static List<String> read(boolean takeover, byte[] wire, int maxPiece) {
    List<String> texts = new ArrayList<>();
    try (LoopbackPair pair = new LoopbackPair(Role.CLIENT, agreed(takeover), MAX_MESSAGE_BYTES)) {
      pair.read(wire, new Random(1), maxPiece).forEach(text -> texts.add(new String(text, UTF_8)));
    }
    return texts;
  }

  private static void isRefused(boolean takeover, String hex) {
    for (int maxPiece : new int[] {1, 7, 1 << 20}) {
      byte[] wire = message(hex + "00");
      assertThatExceptionOfType(ProtocolException.class)
          .isThrownBy(() -> read(takeover, wire, maxPiece))
          .withMessage(
              "compressed message: too many final blocks (expected: <= 2, and 1 per 64 bytes)");
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void finalBlocksThatNoBytesPayForAreRefused(boolean takeover) {
    isRefused(takeover, EMPTY_FINAL.repeat(3));
    isRefused(takeover, EMPTY_FINAL.repeat(1000));
    isRefused(takeover, HELLO_FINAL.repeat(20));
    isRefused(takeover, LONG_FINAL.repeat(5) + EMPTY_FINAL.repeat(5));
    isRefused(takeover, storedBlock(6000) + EMPTY_FINAL.repeat(70)); // long, but not for ever
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void finalBlocksThatBytesPayForAreRead(boolean takeover) {
    for (int maxPiece : new int[] {1, 7, 1 << 20}) {
      assertThat(read(takeover, message(EMPTY_FINAL.repeat(2) + "00"), maxPiece)).containsOnly("");
      assertThat(read(takeover, message(HELLO_FINAL.repeat(2) + "00"), maxPiece))
          .containsOnly("HelloHello");
      assertThat(read(takeover, message(HELLO_FINAL.repeat(2)), maxPiece))
          .containsOnly("HelloHello");
      assertThat(read(takeover, message(LONG_FINAL.repeat(200) + "00"), maxPiece))
          .containsOnly("a".repeat(200 * 59));
    }
  }

  /** Messages of 1 MiB, which arrive in 1 KiB each, and a connection with one short message. */
  @Test
  void otherConnectionsHaveTheirTurn() throws Exception {
    int bombs = 20;
    List<Integer> lengths = new ArrayList<>(); // of the only event loop
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch otherHasSent = new CountDownLatch(1);
    Supplier<WebSocketProtocol> protocol =
        WebSocketProtocol.server().compression().maxMessageBytes(MAX_MESSAGE_BYTES).build();
    Handler<WebSocketMessage, WebSocketMessage> handler =
        (connection, message) -> {
          lengths.add(((WebSocketMessage.Payload) message).content().readableBytes());
          if (lengths.size() == 1) {
            begun.countDown();
            await(otherHasSent);
          }
          connection.send(WebSocketMessage.text("ok"));
        };
    try (Server server =
            Server.builder(protocol, handler).listen("tcp://127.0.0.1:0").eventLoops(1).start();
        RawPeer bomber = upgraded(server);
        RawPeer other = upgraded(server)) {
      bomber.write(HexFormat.of().parseHex(HexFormat.of().formatHex(bomb()).repeat(bombs)));
      await(begun);
      other.write("81 82" + MASK + "6869");
      otherHasSent.countDown();
      other.expect("81 02 6f6b");
      for (int i = 0; i < bombs; i++) {
        bomber.expect("81 02 6f6b");
      }
    }
    assertThat(lengths).hasSize(bombs + 1);
    assertThat(lengths.indexOf(2)).isBetween(1, bombs / 3);
  }

  /** Returns a message of 1 MiB. */
  private static byte[] bomb() {
    Deflater deflater = new Deflater(9, /* nowrap= */ true);
    deflater.setInput(new byte[MAX_MESSAGE_BYTES]);
    byte[] out = new byte[4096];
    int length = deflater.deflate(out, 0, out.length, Deflater.SYNC_FLUSH);
    deflater.end();
    return message(HexFormat.of().formatHex(out, 0, length - 4));
  }

  private static RawPeer upgraded(Server server) throws Exception {
    RawPeer peer = RawPeer.connect(server);
    String request =
        """
        GET / HTTP/1.1
        Host: localhost
        Connection: Upgrade
        Upgrade: websocket
        Sec-WebSocket-Version: 13
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
        Sec-WebSocket-Extensions: permessage-deflate

        """;
    peer.write(request.replace("\n", "\r\n").getBytes(UTF_8));
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      head.append(new String(peer.read(1), UTF_8));
    }
    assertThat(head).contains("permessage-deflate");
    return peer;
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void eachMessageMayEndWithAFinalBlock(boolean takeover) {
    try (LoopbackPair pair = new LoopbackPair(Role.CLIENT, agreed(takeover), MAX_MESSAGE_BYTES)) {
      List<String> texts = new ArrayList<>();
      byte[] wire = message(HELLO_FINAL + "00");
      for (int i = 0; i < 1000; i++) {
        pair.read(wire, new Random(i), 5).forEach(text -> texts.add(new String(text, UTF_8)));
      }
      assertThat(texts).hasSize(1000).containsOnly("Hello");
    }
  }
}
