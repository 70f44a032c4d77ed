package dev.jev.benchmarks.codecs;

import static java.nio.charset.StandardCharsets.US_ASCII;

import com.google.protobuf.StringValue;
import dev.jev.codec.ProtobufTypes;
import dev.jev.codec.RespCommand;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.handler.codec.redis.ArrayRedisMessage;
import io.netty.handler.codec.redis.FullBulkStringRedisMessage;
import java.util.List;

/** The messages that the codecs are measured with: payloads of a given number of letters. */
final class Messages {

  private static final String KEY = "key:000000000042";

  private Messages() {}

  /** An object that is written as JSON. */
  record Note(String text) {}

  static String text(int bytes) {
    StringBuilder text = new StringBuilder(bytes);
    for (int i = 0; i < bytes; i++) {
      text.append((char) ('a' + i % 26));
    }
    return text.toString();
  }

  static byte[] bytes(String text) {
    return text.getBytes(US_ASCII);
  }

  static byte[] array(int bytes) {
    return bytes(text(bytes));
  }

  static ByteBuf buffer(String text) {
    return PooledByteBufAllocator.DEFAULT.directBuffer(text.length()).writeBytes(bytes(text));
  }

  static ByteBuf buffer(int bytes) {
    return buffer(text(bytes));
  }

  static Note note(int bytes) {
    return new Note(text(bytes));
  }

  static StringValue protobuf(int bytes) {
    return StringValue.of(text(bytes));
  }

  static ProtobufTypes types() {
    return ProtobufTypes.of(StringValue.getDefaultInstance());
  }

  /** Returns a SET command for Jev. */
  static RespCommand set(int bytes) {
    return RespCommand.of(bytes("SET"), bytes(KEY), array(bytes));
  }

  /** Returns a SET command for Netty. */
  static ArrayRedisMessage redisSet(int bytes) {
    return new ArrayRedisMessage(
        List.of(
            new FullBulkStringRedisMessage(buffer("SET")),
            new FullBulkStringRedisMessage(buffer(KEY)),
            new FullBulkStringRedisMessage(buffer(bytes))));
  }
}
