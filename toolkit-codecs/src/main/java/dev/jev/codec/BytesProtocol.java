package dev.jev.codec;

import dev.jev.Protocol;
import dev.jev.Wire;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * All bytes that are there, up to the frame limit, are one message. Has no state, so one instance
 * serves everybody.
 */
final class BytesProtocol implements Protocol<ByteBuf, ByteBuf> {

  static final BytesProtocol INSTANCE = new BytesProtocol();

  private BytesProtocol() {}

  @Override
  public @Nullable ByteBuf unpack(Wire wire, ByteBuf in) {
    int length = Math.min(in.readableBytes(), wire.maxFrameBytes());
    return length > 0 ? in.readRetainedSlice(length) : null;
  }

  @Override
  public void pack(ByteBuf message, ByteBuf out) {}

  @Override
  public ByteBuf tail(ByteBuf message) {
    return message;
  }

  @Override
  public Object representation() {
    return BytesProtocol.class;
  }
}
