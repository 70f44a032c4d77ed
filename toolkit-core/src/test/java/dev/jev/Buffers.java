package dev.jev;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** Byte buffers, each after its length in four bytes, copied neither in nor out. */
final class Buffers implements Protocol<ByteBuf, ByteBuf> {

  @Override
  public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
    if (in.readableBytes() < 4 || in.readableBytes() - 4 < in.getInt(in.readerIndex())) {
      return null;
    }
    return in.readRetainedSlice(in.readInt());
  }

  @Override
  public void pack(ByteBuf message, ByteBuf out) {
    out.writeInt(message.readableBytes());
  }

  @Override
  public ByteBuf zeroCopyTail(ByteBuf message) {
    return message;
  }

  @Override
  public Object encodingKey() {
    return Buffers.class;
  }
}
