package dev.jev.codec;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * A protocol whose message is all unread bytes, up to the frame limit. Stateless: all connections
 * share one instance.
 */
final class BytesProtocol implements Protocol<ByteBuf, ByteBuf> {

  static final BytesProtocol INSTANCE = new BytesProtocol();

  private BytesProtocol() {}

  @Override
  public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
    int length = Math.min(in.readableBytes(), context.maxFrameBytes());
    return length > 0 ? in.readRetainedSlice(length) : null;
  }

  @Override
  public void pack(ByteBuf message, ByteBuf out) {}

  @Override
  public ByteBuf zeroCopyTail(ByteBuf message) {
    return message;
  }

  @Override
  public Object encodingKey() {
    return BytesProtocol.class;
  }
}
