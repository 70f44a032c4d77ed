package dev.jev.benchmarks.codecs;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;

/**
 * A protocol that only slices: the minimum for messages that are buffers. It knows the frame length
 * in advance.
 */
record SliceProtocol(int bytes) implements Protocol<ByteBuf, ByteBuf> {

  @Override
  public ByteBuf unpack(ProtocolContext context, ByteBuf in) {
    return in.readRetainedSlice(bytes);
  }

  @Override
  public void pack(ByteBuf message, ByteBuf out) {}

  @Override
  public ByteBuf zeroCopyTail(ByteBuf message) {
    return message;
  }
}
