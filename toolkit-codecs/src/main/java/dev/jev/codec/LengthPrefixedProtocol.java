package dev.jev.codec;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * A protocol of frames with a four-byte length before the payload. Stateless: all connections share
 * one instance.
 */
final class LengthPrefixedProtocol implements Protocol<ByteBuf, ByteBuf> {

  static final LengthPrefixedProtocol INSTANCE = new LengthPrefixedProtocol();

  private static final int HEADER_BYTES = 4;

  private LengthPrefixedProtocol() {}

  @Override
  public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
    if (in.readableBytes() < HEADER_BYTES) {
      return null;
    }
    int length = in.getInt(in.readerIndex());
    if (length < 0) {
      throw new ProtocolException("payload length: " + length + " bytes (expected: >= 0)");
    }
    long frameBytes = (long) HEADER_BYTES + length;
    if (frameBytes > context.maxFrameBytes()) {
      throw new ProtocolException(
          "frame: " + frameBytes + " bytes (expected: <= " + context.maxFrameBytes() + ")");
    }
    if (in.readableBytes() < frameBytes) {
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

  @Override
  public Object encodingKey() {
    return LengthPrefixedProtocol.class;
  }
}
