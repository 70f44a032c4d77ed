package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.jev.test.ProtocolContract;
import dev.jev.websocket.WebSocketMessage.Binary;
import dev.jev.websocket.WebSocketMessage.Text;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/** That a WebSocket keeps what every protocol has to, behind its handshake. */
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

  /** What a message says, which outlives its buffer. */
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
}
