package dev.jev.codec;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** A protocol of frames of one length. Stateless. */
final class FixedLengthProtocol implements Protocol<ByteBuf, ByteBuf> {

  private final int bytes;
  private final EncodingKey encodingKey;

  FixedLengthProtocol(int bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException("bytes: " + bytes + " (expected: >= 1)");
    }
    this.bytes = bytes;
    this.encodingKey = new EncodingKey(FixedLengthProtocol.class, bytes);
  }

  @Override
  public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
    if (bytes > context.maxFrameBytes()) {
      throw new ProtocolException(
          "frame: " + bytes + " bytes (expected: <= " + context.maxFrameBytes() + ")");
    }
    return in.readableBytes() < bytes ? null : in.readRetainedSlice(bytes);
  }

  @Override
  public void pack(ByteBuf message, ByteBuf out) {
    if (message.readableBytes() != bytes) {
      throw new IllegalArgumentException(
          "message: " + message.readableBytes() + " bytes (expected: " + bytes + ")");
    }
  }

  @Override
  public ByteBuf zeroCopyTail(ByteBuf message) {
    return message;
  }

  @Override
  public Object encodingKey() {
    return encodingKey;
  }
}
