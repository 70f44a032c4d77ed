package dev.jev.codec;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.jev.Protocol;
import dev.jev.test.ProtocolContract;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.codec.LengthFieldPrepender;
import io.netty.util.ResourceLeakDetector;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The contract of protocols for a codec of Netty. */
class NettyCodecContractTest {

  /** The size of a pipeline of two handlers, with their gates. */
  private static final int MAX_IDLE_BYTES = 3 * 1024;

  private static final ResourceLeakDetector.Level LEVEL = ResourceLeakDetector.getLevel();

  /** Disables leak detection, whose records would count as memory of the protocol. */
  @BeforeAll
  static void detectNoLeaks() {
    ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.DISABLED);
  }

  @AfterAll
  static void detectLeaks() {
    ResourceLeakDetector.setLevel(LEVEL);
  }

  /** The whole contract, with a codec whose limit is higher than that of the connection. */
  @TestFactory
  Stream<DynamicTest> contractIsKept() {
    return ProtocolContract.of(
            NettyCodec.of(
                ByteBuf.class,
                () ->
                    List.of(
                        new LengthFieldBasedFrameDecoder(1 << 20, 0, 4, 0, 4),
                        new LengthFieldPrepender(4))))
        .counterpart(NettyCodecContractTest::counterpart)
        .message(Unpooled.wrappedBuffer("hello".getBytes(US_ASCII)))
        .message(Unpooled.EMPTY_BUFFER)
        .message(Unpooled.wrappedBuffer(new byte[3_000]))
        .wire("00000002 6869", Unpooled.wrappedBuffer("hi".getBytes(US_ASCII)))
        .refused("ffffffff", "input: TooLongFrameException: ")
        .maxIdleBytes(MAX_IDLE_BYTES)
        .tests();
  }

  private static Protocol<Object, ByteBuf> counterpart() {
    return Protocols.lengthPrefixed().mapInbound(message -> message);
  }
}
