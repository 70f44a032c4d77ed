package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.jev.test.ProtocolContract;
import dev.jev.websocket.WebSocketMessage.Binary;
import dev.jev.websocket.WebSocketMessage.Text;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/** The protocol contract for WebSocket, after the handshake. */
@Timeout(60)
class WebSocketContractTest {

  private static final String REQUEST =
      """
      GET /chat HTTP/1.1
      Host: example.com
      Connection: Upgrade
      Upgrade: websocket
      Sec-WebSocket-Version: 13
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==

      """
          .replace("\n", "\r\n");

  private static final WebSocketMessage LONG =
      WebSocketMessage.text("a text that is compressed ".repeat(100));

  /** A low limit, since a few compressed bytes may expand to a message of this size. */
  private static final int MAX_MESSAGE_BYTES = 4096;

  private static final int MAX_IDLE_BYTES = 2048; // including the negotiated parameters

  /** Returns the content of a message, independent of its buffer. */
  private static String content(WebSocketMessage message) {
    return message instanceof Text text
        ? text.text()
        : ByteBufUtil.hexDump(((Binary) message).content());
  }

  @TestFactory
  Stream<DynamicTest> serverKeepsTheContract() {
    return ProtocolContract.of(WebSocketProtocol::new)
        .comparing(WebSocketContractTest::content)
        .opening(REQUEST.getBytes(US_ASCII))
        .wire("81 85 37fa213d 7f9f4d5158", WebSocketMessage.text("Hello")) // RFC 6455, 5.7
        .wire("01 83 00000000 48656c 80 82 00000000 6c6f", WebSocketMessage.text("Hello"))
        .wire("81 80 00000000", WebSocketMessage.text(""))
        .wire(
            "82 82 00000000 0102",
            WebSocketMessage.binary(Unpooled.wrappedBuffer(new byte[] {1, 2})))
        .refused("81 05", "client frame is not masked")
        .refused("82 ff 0000000000010001 00000000", "message: 65537 bytes (expected: <= 65536)")
        .tests();
  }

  @TestFactory
  Stream<DynamicTest> serverKeepsTheContractWithCompressedMessages() {
    return ProtocolContract.of(() -> opened(Role.SERVER))
        .comparing(WebSocketContractTest::content)
        .counterpart(() -> opened(Role.CLIENT))
        .message(LONG)
        .message(WebSocketMessage.text("short"))
        .maxIdleBytes(MAX_IDLE_BYTES)
        .rounds(500)
        .wire("c1 87 00000000 f248cdc9c90700", WebSocketMessage.text("Hello")) // RFC 7692, 7.2.3.1
        .wire("41 83 00000000 f248cd 80 84 00000000 c9c90700", WebSocketMessage.text("Hello"))
        .wire("81 85 00000000 48656c6c6f", WebSocketMessage.text("Hello"))
        .refused("c1 84 00000000 ffffffff", "invalid block type")
        .refused("c9 80 00000000", "RSV1: 1 (expected: 0)")
        .tests()
        .filter(WebSocketContractTest::isMeantForCompression);
  }

  @TestFactory
  Stream<DynamicTest> clientKeepsTheContractWithCompressedMessages() {
    return ProtocolContract.of(() -> opened(Role.CLIENT))
        .comparing(WebSocketContractTest::content)
        .counterpart(() -> opened(Role.SERVER))
        .message(LONG)
        .message(WebSocketMessage.text("short"))
        .maxIdleBytes(MAX_IDLE_BYTES)
        .rounds(500)
        .wire("c1 07 f248cdc9c90700", WebSocketMessage.text("Hello"))
        .wire("41 03 f248cd 80 04 c9c90700", WebSocketMessage.text("Hello"))
        .refused("c1 04 ffffffff", "invalid block type")
        .refused("81 80 00000000", "server frame is masked")
        .tests()
        .filter(WebSocketContractTest::isMeantForCompression);
  }

  /** Excludes the checks whose allocation limit is too low for compressed messages. */
  private static boolean isMeantForCompression(DynamicTest check) {
    return !Set.of("mutated input", "declared lengths").contains(check.getDisplayName());
  }

  /** Returns a protocol after the handshake, without context takeover. */
  private static WebSocketProtocol opened(Role role) {
    PermessageDeflate agreed =
        new PermessageDeflate(
            WebSocketCompression.DEFAULT,
            /* ownTakeover= */ false,
            PermessageDeflate.UNSPECIFIED,
            /* peerTakeover= */ false,
            PermessageDeflate.UNSPECIFIED);
    return new WebSocketProtocol(
        role,
        LoopbackPair.opened(agreed),
        ControlPolicy.CLIENT,
        new MessageLimits(MAX_MESSAGE_BYTES, 1024, /* streaming= */ false, /* textOnly= */ false)
            .newReader());
  }
}
