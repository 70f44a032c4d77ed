package dev.jev.codec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.test.TestContext;
import dev.jev.test.UnpackLoop;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.redis.ArrayRedisMessage;
import io.netty.handler.codec.redis.ErrorRedisMessage;
import io.netty.handler.codec.redis.FullBulkStringRedisMessage;
import io.netty.handler.codec.redis.IntegerRedisMessage;
import io.netty.handler.codec.redis.RedisArrayAggregator;
import io.netty.handler.codec.redis.RedisBulkStringAggregator;
import io.netty.handler.codec.redis.RedisDecoder;
import io.netty.handler.codec.redis.SimpleStringRedisMessage;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A comparison with Netty's decoder of RESP2, with the bytes in random pieces. */
@Timeout(60)
class RespNettyTest {

  @Test
  void bytesMeanWhatTheyMeanToNetty() {
    long seed = System.nanoTime();
    System.out.println("RespNettyTest: seed " + seed);
    Random random = new Random(seed);
    int values = 0;
    for (int round = 0; round < 2_000; round++) {
      ByteBuf bytes = Unpooled.buffer();
      for (int i = random.nextInt(8); i >= 0; i--) {
        RespWriter.write(value(random, /* depth= */ 0), bytes);
      }
      List<byte[]> pieces = pieces(random, bytes);
      List<RespValue> ours = ours(pieces);
      assertThat(ours).isEqualTo(nettys(pieces));
      values += ours.size();
    }
    assertThat(values).isGreaterThan(2_000);
  }

  private static List<RespValue> ours(List<byte[]> pieces) {
    List<RespValue> values = new ArrayList<>();
    try (var loop =
        new UnpackLoop<>(Protocols.respClient(), new TestContext(), values::add).open()) {
      pieces.forEach(loop::read);
      assertThat(loop.refusal()).isNull();
      assertThat(loop.unreadBytes()).isZero();
    }
    return values;
  }

  private static List<RespValue> nettys(List<byte[]> pieces) {
    EmbeddedChannel channel =
        new EmbeddedChannel(
            new RedisDecoder(),
            new RedisBulkStringAggregator(),
            new RedisArrayAggregator(/* maxElements= */ 100, /* maxNestedArrayDepth= */ 32));
    List<RespValue> values = new ArrayList<>();
    for (byte[] piece : pieces) {
      channel.writeInbound(Unpooled.wrappedBuffer(piece));
      Object message;
      while ((message = channel.readInbound()) != null) {
        values.add(value(message));
        ReferenceCountUtil.release(message);
      }
    }
    assertThat(channel.finish()).isFalse();
    return values;
  }

  private static RespValue value(Object message) {
    if (message instanceof SimpleStringRedisMessage line) {
      return RespValue.simple(line.content());
    } else if (message instanceof ErrorRedisMessage error) {
      return RespValue.error(error.content());
    } else if (message instanceof IntegerRedisMessage number) {
      return RespValue.integer(number.value());
    } else if (message instanceof FullBulkStringRedisMessage bulk) {
      return bulk.isNull()
          ? RespValue.NULL_BULK
          : RespValue.bulk(ByteBufUtil.getBytes(bulk.content()));
    }
    ArrayRedisMessage array = (ArrayRedisMessage) message;
    return array.isNull()
        ? RespValue.NULL_ARRAY
        : RespValue.array(array.children().stream().map(RespNettyTest::value).toList());
  }

  private static RespValue value(Random random, int depth) {
    return switch (random.nextInt(depth < 5 ? 7 : 6)) {
      case 0 -> RespValue.simple("line " + random.nextInt());
      case 1 -> RespValue.error("ERR \u00fc " + random.nextInt());
      case 2 -> RespValue.integer(random.nextLong() >> random.nextInt(64));
      case 3 -> RespValue.NULL_BULK;
      case 4 -> RespValue.NULL_ARRAY;
      case 5 -> {
        byte[] bytes = new byte[random.nextInt(40)];
        random.nextBytes(bytes);
        yield RespValue.bulk(bytes);
      }
      default -> {
        List<RespValue> values = new ArrayList<>();
        for (int i = random.nextInt(5); i > 0; i--) {
          values.add(value(random, depth + 1));
        }
        yield RespValue.array(values);
      }
    };
  }

  private static List<byte[]> pieces(Random random, ByteBuf bytes) {
    List<byte[]> pieces = new ArrayList<>();
    int longest = random.nextInt(5) == 0 ? 1 : 1 + random.nextInt(100);
    while (bytes.isReadable()) {
      byte[] piece = new byte[Math.min(1 + random.nextInt(longest), bytes.readableBytes())];
      bytes.readBytes(piece);
      pieces.add(piece);
    }
    bytes.release();
    return pieces;
  }
}
