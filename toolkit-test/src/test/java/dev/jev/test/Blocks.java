package dev.jev.test;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** A correct protocol: buffers behind a length of four bytes, without copies. */
class Blocks implements Protocol<ByteBuf, ByteBuf> {

  static final int HEADER_BYTES = 4;

  @Override
  public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
    if (in.readableBytes() < HEADER_BYTES) {
      return null;
    }
    int length = in.getInt(in.readerIndex());
    int most = context.maxFrameBytes() - HEADER_BYTES;
    if (length < 0 || length > most) {
      throw new ProtocolException("block: " + length + " bytes (expected: 0.." + most + ")");
    }
    if (in.readableBytes() < HEADER_BYTES + length) {
      return null;
    }
    in.skipBytes(HEADER_BYTES);
    return in.readRetainedSlice(length);
  }

  @Override
  public void pack(ByteBuf message, ByteBuf out) {
    out.writeInt(message.readableBytes());
  }

  @Override
  public ByteBuf zeroCopyTail(ByteBuf message) {
    return message;
  }
}
