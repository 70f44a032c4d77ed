package dev.jev.codec;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CloseReason;
import dev.jev.Protocol;
import dev.jev.test.TestContext;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.LineBasedFrameDecoder;
import io.netty.handler.codec.string.StringDecoder;
import io.netty.handler.codec.string.StringEncoder;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Tests which input of a Netty codec counts as an incomplete frame. */
class NettyCodecHeldBytesTest {

  /** A handler that answers the line "ping". */
  private static final class Pings extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext ctx, Object line) {
      if (line.equals("ping")) {
        ctx.writeAndFlush("pong\n");
      } else {
        ctx.fireChannelRead(line);
      }
    }
  }

  private static List<ChannelHandler> lines() {
    return List.of(
        new LineBasedFrameDecoder(1_000),
        new StringDecoder(US_ASCII),
        new StringEncoder(US_ASCII),
        new Pings());
  }

  private final TestContext context = new TestContext();
  private final ByteBuf in = Unpooled.buffer();
  private final ByteBuf out = Unpooled.buffer();
  private final Protocol<Object, Object> protocol =
      NettyCodec.of(NettyCodecHeldBytesTest::lines).get();

  @BeforeEach
  void open() {
    protocol.open(context);
  }

  private Object unpack(String more) {
    in.writeCharSequence(more, US_ASCII);
    return protocol.unpack(context, in);
  }

  @AfterEach
  void close() {
    protocol.close(context, CloseReason.of(CloseReason.Kind.CLOSED));
    in.release();
    out.release();
  }

  @Test
  void nothingIsHeldBetweenMessages() {
    assertThat(unpack("a\nb\n")).isEqualTo("a");
    assertThat(unpack("")).isEqualTo("b");
    assertThat(protocol.heldBytes()).isZero();
  }

  @Test
  void beginningBehindAMessageIsHeld() {
    assertThat(unpack("a\nbcd")).isEqualTo("a");
    assertThat(unpack("")).isNull();
    assertThat(protocol.heldBytes()).isPositive();
  }

  @Test
  void beginningIsHeldWhateverIsSentMeanwhile() {
    assertThat(unpack("a\nbcd")).isEqualTo("a");
    assertThat(unpack("")).isNull();
    protocol.pack("reply\n", out);
    assertThat(out.toString(US_ASCII)).isEqualTo("reply\n");
    assertThat(protocol.heldBytes()).isPositive();
  }

  @Test
  void beginningBehindAnAnswerIsHeld() {
    assertThat(unpack("a\nping\nbcd")).isEqualTo("a");
    assertThat(unpack("")).isNull();
    assertThat(new String(context.takeWritten(), US_ASCII)).isEqualTo("pong\n");
    assertThat(protocol.heldBytes()).isPositive();
  }

  @Test
  void nothingIsHeldBehindAnAnswer() {
    assertThat(unpack("ping\n")).isNull();
    assertThat(protocol.heldBytes()).isZero();
  }
}
