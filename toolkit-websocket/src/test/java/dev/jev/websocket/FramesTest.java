package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.RawPeer;
import dev.jev.Server;
import dev.jev.websocket.WebSocketMessage.Binary;
import dev.jev.websocket.WebSocketMessage.Close;
import dev.jev.websocket.WebSocketMessage.Text;
import io.netty.buffer.ByteBufUtil;
import java.io.IOException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Valid and invalid frames after the handshake (RFC 6455), over real sockets.
 *
 * <p>The frames of the client are masked with four zeros, so that their payload is readable.
 */
@Timeout(60)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FramesTest {

  private static final String MASK = "00000000";
  private static final int MAX_MESSAGE_BYTES = 100_000;

  private final BlockingQueue<String> events = new LinkedBlockingQueue<>();
  private final BlockingQueue<Connection<WebSocketMessage>> connections =
      new LinkedBlockingQueue<>();
  private Server server;

  private final class Echo implements Handler<WebSocketMessage, WebSocketMessage> {

    @Override
    public void onConnect(Connection<WebSocketMessage> connection) {
      connections.add(connection);
    }

    @Override
    public void onMessage(Connection<WebSocketMessage> connection, WebSocketMessage message) {
      if (message instanceof Text text) {
        events.add("text " + text.utf8Bytes());
        assertThat(text.text().getBytes(UTF_8)).hasSize(text.utf8Bytes());
      } else if (message instanceof Binary binary) {
        events.add("binary " + ByteBufUtil.hexDump(binary.content()));
      }
      connection.send(message);
    }

    @Override
    public void onClose(Connection<WebSocketMessage> connection, CloseReason reason) {
      WebSocketClose both = connection.attribute(WebSocketClose.class);
      events.add(
          reason.kind()
              + " "
              + (both == null ? "" : code(both.received()) + "/" + code(both.sent())));
    }

    private static String code(Close close) {
      return close == null ? "-" : String.valueOf(close.code());
    }
  }

  @BeforeAll
  void start() {
    server =
        Server.builder(
                () ->
                    new WebSocketProtocol(
                        Role.SERVER,
                        LoopbackPair.opened(/* agreed= */ null),
                        ControlPolicy.SERVER,
                        new MessageLimits(
                                MAX_MESSAGE_BYTES, 8, /* streaming= */ false, /* textOnly= */ false)
                            .newReader()),
                new Echo())
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .start();
  }

  @AfterAll
  void stop() {
    server.close();
  }

  @AfterEach
  void nothingElseHappened() {
    connections.clear();
    assertThat(events).isEmpty();
  }

  private void expect(String... expected) throws InterruptedException {
    for (String event : expected) {
      assertThat(events.poll(10, TimeUnit.SECONDS)).isEqualTo(event);
    }
  }

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex.replace("MASK", MASK).replace(" ", ""));
  }

  private RawPeer connect() throws Exception {
    return RawPeer.connect(server);
  }

  private static void expectBytes(RawPeer peer, String hex) throws Exception {
    byte[] expected = bytes(hex);
    assertThat(HexFormat.of().formatHex(peer.read(expected.length)))
        .isEqualTo(HexFormat.of().formatHex(expected));
  }

  /** Reads to the end, which must be one close frame; returns its code and reason. */
  private static String closeOf(RawPeer peer) throws Exception {
    byte[] frame = peer.readAll();
    assertThat(frame[0]).isEqualTo((byte) 0x88);
    assertThat(frame).hasSize(2 + frame[1]);
    int code = ((frame[2] & 0xff) << 8) | (frame[3] & 0xff);
    return code + " " + new String(frame, 4, frame.length - 4, UTF_8);
  }

  /** Sends frames in one write and then byte by byte, and expects a close frame. */
  private void violates(String hex, String close) throws Exception {
    String end = "PROTOCOL_ERROR -/" + close.substring(0, 4);
    try (RawPeer peer = connect()) {
      assertThat(closeOf(peer.write(bytes(hex)))).isEqualTo(close);
    }
    expect(end);
    try (RawPeer peer = connect()) {
      assertThat(closeOf(drip(peer, bytes(hex)))).isEqualTo(close);
    }
    expect(end);
  }

  private static RawPeer drip(RawPeer peer, byte[] bytes) {
    try {
      for (byte b : bytes) {
        peer.write(new byte[] {b});
      }
    } catch (IOException e) {
      // The server has closed the connection before the last byte.
    }
    return peer;
  }

  @ParameterizedTest
  @CsvSource({
    // reserved bits
    "c1 80 MASK, 1002 RSV1: 1 (expected: 0)",
    "a1 80 MASK, 1002 RSV2 or RSV3: 1 (expected: 0)",
    "91 80 MASK, 1002 RSV2 or RSV3: 1 (expected: 0)",
    "c9 80 MASK, 1002 RSV1: 1 (expected: 0)",
    "c0 80 MASK, 1002 RSV1: 1 (expected: 0)",
    "f1 80 MASK, 1002 RSV2 or RSV3: 1 (expected: 0)",
    "b1 80 MASK, 1002 RSV2 or RSV3: 1 (expected: 0)",
    "a2 80 MASK, 1002 RSV2 or RSV3: 1 (expected: 0)",
    "a9 80 MASK, 1002 RSV2 or RSV3: 1 (expected: 0)",
    "9a 80 MASK, 1002 RSV2 or RSV3: 1 (expected: 0)",
    "c8 80 MASK, 1002 RSV1: 1 (expected: 0)",
    "98 82 MASK 03e8, 1002 RSV2 or RSV3: 1 (expected: 0)",
    "01 80 MASK c0 80 MASK, 1002 RSV1: 1 (expected: 0)",
    "01 80 MASK 90 80 MASK, 1002 RSV2 or RSV3: 1 (expected: 0)",
    // reserved opcodes, refused before the length is read
    "83, '1002 opcode: 3 (expected: 0..2 or 8..10)'",
    "87 ff 7fffffffffffffff MASK, '1002 opcode: 7 (expected: 0..2 or 8..10)'",
    "8b 80 MASK, '1002 opcode: 11 (expected: 0..2 or 8..10)'",
    "8f 80 MASK, '1002 opcode: 15 (expected: 0..2 or 8..10)'",
    // no mask
    "81 00, '1002 client frame is not masked (RFC 6455, 5.1)'",
    // lengths
    "82 fe 007d MASK, '1002 payload length: 125 in 2 bytes (expected: the shortest form, RFC 6455, 5.2)'",
    "82 ff 000000000000ffff MASK, '1002 payload length: 65535 in 8 bytes (expected: the shortest form, RFC 6455, 5.2)'",
    "82 ff 8000000000000000 MASK, '1002 payload length: 9223372036854775808 in 8 bytes (expected: the shortest form, RFC 6455, 5.2)'",
    "82 ff 7fffffffffffffff MASK, 1009 message: 9223372036854775807 bytes (expected: <= 100000)",
    "82 ff 00000000ffffffff MASK, 1009 message: 4294967295 bytes (expected: <= 100000)",
    "82 ff 00000000000186a1 MASK, 1009 message: 100001 bytes (expected: <= 100000)",
    // control frames
    "89 fe, '1002 control frame: more than 125 bytes (expected: <= 125, RFC 6455, 5.5)'",
    "09 80 MASK, '1002 control frame: fragmented (expected: whole, RFC 6455, 5.5)'",
    "08 80 MASK, '1002 control frame: fragmented (expected: whole, RFC 6455, 5.5)'",
    // fragments
    "80 80 MASK, 1002 data frame: a continuation (expected: a new message)",
    "01 80 MASK 81 80 MASK, 1002 data frame: a new message (expected: a continuation)",
    // text
    "81 82 MASK c0af, '1007 text: not UTF-8 (RFC 6455, 8.1)'",
    "81 85 MASK 61ff, '1007 text: not UTF-8 (RFC 6455, 8.1)'", // three bytes before its end
    "01 81 MASK c3 80 85 MASK 28, '1007 text: not UTF-8 (RFC 6455, 8.1)'",
    "81 81 MASK c3, '1007 text: not UTF-8 at its end (RFC 6455, 8.1)'",
    "01 81 MASK c3 80 80 MASK, '1007 text: not UTF-8 at its end (RFC 6455, 8.1)'",
    // close frames
    "88 81 MASK 03, 1002 close frame: 1 byte (expected: 0 or 2..125)",
    "88 83 MASK 03e8ff, '1007 close reason: not UTF-8 (RFC 6455, 5.5.1)'",
    "88 83 MASK 03e8c3, '1007 close reason: not UTF-8 (RFC 6455, 5.5.1)'"
  })
  void violationIsAnsweredWithOneCloseFrameThatNamesIt(String hex, String close) throws Exception {
    violates(hex, close);
  }

  @ParameterizedTest
  @ValueSource(
      ints = {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 32767, 32768, 65535})
  void codeThatMustNotBeSentIsAViolation(int code) throws Exception {
    violates(
        String.format(Locale.ROOT, "88 82 MASK %04x", code),
        "1002 close code: " + code + " (expected: 1000..1003, 1007..1014 or 3000..4999)");
  }

  @ParameterizedTest
  @ValueSource(ints = {1000, 1001, 1002, 1003, 1007, 1008, 1013, 1014, 3000, 3999, 4000, 4999})
  void closeIsAnsweredWithItsOwnCode(int code) throws Exception {
    String hex = String.format(Locale.ROOT, "%04x", code);
    try (RawPeer peer = connect()) {
      peer.write(bytes("88 85 MASK" + hex + "627965")); // "bye"
      expectBytes(peer, "88 05" + hex + "627965");
      peer.expectEnd();
    }
    expect("PEER_CLOSED " + code + "/" + code);
  }

  @Test
  void closeWithoutCodeIsAnsweredWithoutCode() throws Exception {
    try (RawPeer peer = connect()) {
      peer.write(bytes("88 80 MASK"));
      expectBytes(peer, "88 00");
      peer.expectEnd();
    }
    expect("PEER_CLOSED 1005/1005");
  }

  @Test
  void nothingIsDeliveredOrAnsweredAfterAClose() throws Exception {
    try (RawPeer peer = connect()) {
      peer.write(bytes("81 81 MASK 61  88 82 MASK 03e8  81 81 MASK 62  89 80 MASK  88 80 MASK"));
      expectBytes(peer, "81 01 61 88 02 03e8");
      peer.expectEnd();
    }
    expect("text 1", "PEER_CLOSED 1000/1000");
  }

  @ParameterizedTest
  @CsvSource({
    "81 80 MASK, 81 00, text 0",
    "82 80 MASK, 82 00, 'binary '",
    "81 83 MASK e282ac, 81 03 e282ac, text 3",
    "82 81 MASK ff, 82 01 ff, binary ff",
    "82 81 ff000000 01, 82 01 fe, binary fe",
    "01 81 MASK e2 00 80 MASK 80 82 MASK 82ac, 81 03 e282ac, text 3",
    "02 81 MASK 01 80 81 MASK 02, 82 02 0102, binary 0102",
    "02 80 MASK 80 80 MASK, 82 00, 'binary '"
  })
  void messageIsAssembledHoweverItIsCut(String hex, String reply, String event) throws Exception {
    byte[] all = bytes(hex);
    for (int split = 0; split <= all.length; split++) {
      connections.clear();
      try (RawPeer peer = connect()) {
        peer.write(Arrays.copyOfRange(all, 0, split));
        peer.write(Arrays.copyOfRange(all, split, all.length));
        expectBytes(peer, reply);
      }
      expect(event, "PEER_CLOSED ");
    }
  }

  @Test
  void controlFramesMayStandBetweenFragments() throws Exception {
    try (RawPeer peer = connect()) {
      peer.write(bytes("01 81 MASK 61  89 81 MASK 70"));
      expectBytes(peer, "8a 01 70");
      peer.write(bytes("8a 80 MASK  80 81 MASK 62"));
      expectBytes(peer, "81 02 6162");
    }
    expect("text 2", "PEER_CLOSED ");
  }

  @Test
  void onlyTheLatestOfManyPingsIsAnswered() throws Exception {
    try (RawPeer peer = connect()) {
      String pings = "89 81 MASK 00".repeat(16) + "89 81 MASK 01  89 81 MASK 02  89 81 MASK 03";
      peer.write(bytes(pings + "81 81 MASK 61"));
      expectBytes(peer, "8a 01 00".repeat(16) + "8a 01 03  81 01 61");
    }
    expect("text 1", "PEER_CLOSED ");
  }

  /** Autobahn's cases 3.2 to 3.4, in which a server may echo the first message. */
  @Test
  void messagesBeforeAReservedBitAreEchoedAndNothingAfterIt() throws Exception {
    try (RawPeer peer = connect()) {
      peer.write(bytes("81 81 MASK 61  a1 81 MASK 62  89 80 MASK"));
      expectBytes(peer, "81 01 61");
      assertThat(closeOf(peer)).isEqualTo("1002 RSV2 or RSV3: 1 (expected: 0)");
    }
    expect("text 1", "PROTOCOL_ERROR -/1002");
  }

  @Test
  void eachOfAFewPingsIsAnsweredAlsoBeforeAViolation() throws Exception {
    try (RawPeer peer = connect()) {
      peer.write(bytes("89 81 MASK 01  89 81 MASK 02  83"));
      expectBytes(peer, "8a 01 01  8a 01 02");
      assertThat(closeOf(peer)).startsWith("1002 opcode: 3");
    }
    expect("PROTOCOL_ERROR -/1002");
  }

  @Test
  void noPongFollowsTheCloseFrameOfAViolation() throws Exception {
    try (RawPeer peer = connect()) {
      peer.write(bytes("89 81 MASK 01".repeat(20) + "83"));
      expectBytes(peer, "8a 01 01".repeat(16));
      assertThat(closeOf(peer)).startsWith("1002 opcode: 3");
    }
    expect("PROTOCOL_ERROR -/1002");
  }

  @Test
  void fragmentsAreLimitedAlsoEmptyOnes() throws Exception {
    violates("01 80 MASK" + "00 80 MASK".repeat(8), "1008 fragments: more than 8 (expected: <= 8)");
  }

  @Test
  void messageOfFragmentsIsLimited() throws Exception {
    try (RawPeer peer = connect()) {
      String half = "00".repeat(60_000);
      peer.write(bytes("02 fe ea60 MASK" + half));
      assertThat(closeOf(peer.write(bytes("80 fe ea60 MASK"))))
          .isEqualTo("1009 message: 120000 bytes (expected: <= 100000)");
    }
    expect("PROTOCOL_ERROR -/1009");
  }

  @Test
  void controlFramesAreLimitedInNumber() throws Exception {
    try (RawPeer peer = connect()) {
      peer.write(bytes("8a 80 MASK".repeat(200)));
      assertThat(closeOf(peer))
          .isEqualTo("1008 control frames: too many (expected: <= 3 per second)");
    }
    expect("PROTOCOL_ERROR -/1008");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 125, 126, 65_535, 65_536, 99_999, 100_000})
  void messagesOfEveryLengthComeBack(int length) throws Exception {
    byte[] payload = new byte[length];
    Arrays.fill(payload, (byte) 'x');
    String header =
        length < 126
            ? String.format(Locale.ROOT, "%02x", length)
            : length < 65_536
                ? String.format(Locale.ROOT, "7e%04x", length)
                : String.format(Locale.ROOT, "7f%016x", length);
    byte[] reply = new byte[1 + header.length() / 2 + length];
    reply[0] = (byte) 0x81;
    byte[] lengths = bytes(header);
    System.arraycopy(lengths, 0, reply, 1, lengths.length);
    System.arraycopy(payload, 0, reply, 1 + lengths.length, length);
    byte[] request = new byte[reply.length + 4];
    System.arraycopy(reply, 0, request, 0, 1 + lengths.length);
    request[1] |= (byte) 0x80;
    System.arraycopy(payload, 0, request, 5 + lengths.length, length);
    try (RawPeer peer = connect()) {
      assertThat(peer.write(request).read(reply.length)).isEqualTo(reply);
    }
    expect("text " + length, "PEER_CLOSED ");
  }

  @Test
  void closeOfThisSideWaitsForTheAnswer() throws Exception {
    try (RawPeer peer = connect()) {
      peer.write(bytes("81 81 MASK 61"));
      expectBytes(peer, "81 01 61");
      connections.poll(10, TimeUnit.SECONDS).close();
      expectBytes(peer, "88 02 03e8");
      peer.write(bytes("81 fe 0100 MASK" + "61".repeat(256) + "88 82 MASK 03e8")).expectEnd();
    }
    expect("text 1", "CLOSED 1000/1000");
  }

  @Test
  void closeMessageHasTheCodeOfTheApplication() throws Exception {
    try (RawPeer peer = connect()) {
      peer.write(bytes("89 80 MASK"));
      expectBytes(peer, "8a 00");
      Connection<WebSocketMessage> connection = connections.poll(10, TimeUnit.SECONDS);
      connection.execute(
          () -> {
            connection.send(WebSocketMessage.close(4321, "go"));
            connection.send(WebSocketMessage.text("nothing follows"));
          });
      expectBytes(peer, "88 04 10e1 676f");
      peer.write(bytes("88 82 MASK 03e9")).expectEnd();
    }
    expect("CLOSED 1001/4321");
  }
}
