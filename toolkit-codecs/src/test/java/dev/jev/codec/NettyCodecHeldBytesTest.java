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

  /** A handler that counts the calls with bytes. */
  private final class Calls extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext ctx, Object bytes) {
      calls++;
      ctx.fireChannelRead(bytes);
    }
  }

  private List<ChannelHandler> lines() {
    return List.of(
        new Calls(),
        new LineBasedFrameDecoder(1_000),
        new StringDecoder(US_ASCII),
        new StringEncoder(US_ASCII),
        new Pings());
  }

  private int calls;
  private final TestContext context = new TestContext();
  private final ByteBuf in = Unpooled.buffer();
  private final ByteBuf out = Unpooled.buffer();
  private final Protocol<Object, Object> protocol = NettyCodec.of(this::lines).get();

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

  @Test
  void inputOfACodecThatReleasesItIsPassedInOneCall() {
    assertThat(unpack("first\n")).isEqualTo("first");
    assertThat(calls).isEqualTo(2);
    for (int i = 0; i < 10; i++) {
      assertThat(unpack("next\n")).isEqualTo("next");
      assertThat(calls).isEqualTo(3 + i);
      assertThat(protocol.heldBytes()).isZero();
      assertThat(protocol.bufferedBytes()).isZero();
    }
  }

  @Test
  void beginningAloneIsHeldWithoutASecondCall() {
    assertThat(unpack("first\n")).isEqualTo("first");
    assertThat(unpack("beginning")).isNull();
    assertThat(calls).isEqualTo(3);
    assertThat(protocol.heldBytes()).isEqualTo(9);
    assertThat(unpack("\n")).isEqualTo("beginning");
    assertThat(protocol.heldBytes()).isZero();
  }

  @Test
  void continuedBeginningBehindALaterMessageIsHeld() {
    assertThat(unpack("first\n")).isEqualTo("first");
    assertThat(unpack("second\nb")).isEqualTo("second");
    assertThat(unpack("e")).isNull();
    assertThat(protocol.heldBytes()).isPositive();
    assertThat(unpack("\nx")).isEqualTo("be");
    assertThat(unpack("")).isNull();
    assertThat(protocol.heldBytes()).isPositive();
  }

  @Test
  void lastByteIsPassedAloneIfMessagesKeepInput() {
    Protocol<ByteBuf, Object> frames =
        NettyCodec.of(ByteBuf.class, () -> List.of(new Calls(), new LineBasedFrameDecoder(1_000)))
            .get();
    frames.open(context);
    for (int i = 0; i < 5; i++) {
      in.writeCharSequence("line\nb", US_ASCII);
      ByteBuf frame = frames.unpack(context, in);
      assertThat(frames.unpack(context, in)).isNull();
      assertThat(frames.heldBytes()).isPositive();
      assertThat(calls).isEqualTo(2 * (i + 1));
      frame.release();
    }
    frames.close(context, CloseReason.of(CloseReason.Kind.CLOSED));
  }
}
