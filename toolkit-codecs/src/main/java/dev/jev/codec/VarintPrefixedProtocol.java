package dev.jev.codec;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * A protocol of frames with a length as a varint before the payload. Stateless: all connections
 * share one instance.
 */
final class VarintPrefixedProtocol implements Protocol<ByteBuf, ByteBuf> {

  static final VarintPrefixedProtocol INSTANCE = new VarintPrefixedProtocol();

  private VarintPrefixedProtocol() {}

  @Override
  public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
    int length = VarintLength.take(context, in);
    return length < 0 ? null : in.readRetainedSlice(length);
  }

  @Override
  public void pack(ByteBuf message, ByteBuf out) {
    VarintLength.write(message.readableBytes(), out);
  }

  @Override
  public ByteBuf zeroCopyTail(ByteBuf message) {
    return message;
  }

  @Override
  public Object encodingKey() {
    return VarintPrefixedProtocol.class;
  }
}
