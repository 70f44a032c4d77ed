package dev.jev.benchmarks.codecs;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.StringValue;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufInputStream;
import io.netty.buffer.ByteBufOutputStream;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.DelimiterBasedFrameDecoder;
import io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.netty.handler.codec.LengthFieldPrepender;
import io.netty.handler.codec.MessageToByteEncoder;
import io.netty.handler.codec.MessageToMessageDecoder;
import io.netty.handler.codec.MessageToMessageEncoder;
import io.netty.handler.codec.redis.RedisArrayAggregator;
import io.netty.handler.codec.redis.RedisBulkStringAggregator;
import io.netty.handler.codec.redis.RedisDecoder;
import io.netty.handler.codec.redis.RedisEncoder;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.ObjectReader;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.json.JsonMapper;

/**
 * Handlers for the pipelines that Jev is compared with, where more than a constructor is needed.
 */
final class NettyHandlers {

  /** Maximum number of arguments of a command, as in redis-server. */
  private static final int MAX_ARGUMENTS = 1024 * 1024;

  private NettyHandlers() {}

  /** Returns handlers for a four-byte length prefix, and then those that convert the payloads. */
  static List<ChannelHandler> lengthPrefixed(ChannelHandler... others) {
    List<ChannelHandler> handlers = new ArrayList<>();
    handlers.add(new LengthFieldBasedFrameDecoder(JevCodecDriver.MAX_FRAME_BYTES, 0, 4, 0, 4));
    handlers.add(new LengthFieldPrepender(4));
    handlers.addAll(List.of(others));
    return handlers;
  }

  static List<ChannelHandler> redis() {
    return List.of(
        new RedisDecoder(),
        new RedisBulkStringAggregator(),
        new RedisArrayAggregator(MAX_ARGUMENTS, /* maxNestedArrayDepth= */ 1),
        new RedisEncoder());
  }

  static ChannelHandler byDelimiters(String... delimiters) {
    ByteBuf[] buffers =
        Stream.of(delimiters)
            .map(delimiter -> Unpooled.wrappedBuffer(Messages.bytes(delimiter)))
            .toArray(ByteBuf[]::new);
    return new DelimiterBasedFrameDecoder(JevCodecDriver.MAX_FRAME_BYTES, buffers);
  }

  /** Returns an encoder that appends a delimiter. Netty has none; this is the simplest one. */
  static ChannelHandler appending(String delimiter) {
    byte[] bytes = Messages.bytes(delimiter);
    return new MessageToByteEncoder<ByteBuf>(ByteBuf.class) {
      @Override
      protected void encode(ChannelHandlerContext context, ByteBuf message, ByteBuf out) {
        int length = message.readableBytes(); // the indices stay, as the message is sent again
        out.writeBytes(message, message.readerIndex(), length).writeBytes(bytes);
      }
    };
  }

  static ChannelHandler fromJson() {
    ObjectReader reader =
        JsonMapper.shared()
            .readerFor(Messages.Note.class)
            .with(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    return new MessageToMessageDecoder<ByteBuf>(ByteBuf.class) {
      @Override
      protected void decode(ChannelHandlerContext context, ByteBuf message, List<Object> out) {
        InputStream bytes = new ByteBufInputStream(message);
        out.add(reader.<Messages.Note>readValue(bytes));
      }
    };
  }

  static ChannelHandler toJson() {
    ObjectWriter writer = JsonMapper.shared().writer();
    return new MessageToByteEncoder<Messages.Note>(Messages.Note.class) {
      @Override
      protected void encode(ChannelHandlerContext context, Messages.Note message, ByteBuf out) {
        OutputStream bytes = new ByteBufOutputStream(out);
        writer.writeValue(bytes, message);
        out.writeByte('\n');
      }
    };
  }

  static ChannelHandler fromAny() {
    return new MessageToMessageDecoder<Any>(Any.class) {
      @Override
      protected void decode(ChannelHandlerContext context, Any message, List<Object> out)
          throws InvalidProtocolBufferException {
        out.add(message.unpack(StringValue.class));
      }
    };
  }

  static ChannelHandler toAny() {
    return new MessageToMessageEncoder<StringValue>(StringValue.class) {
      @Override
      protected void encode(ChannelHandlerContext context, StringValue message, List<Object> out) {
        out.add(Any.pack(message));
      }
    };
  }
}
