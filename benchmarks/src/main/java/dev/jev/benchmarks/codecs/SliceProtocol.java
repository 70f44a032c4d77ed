package dev.jev.benchmarks.codecs;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;

/** The least that a protocol with buffers as messages can do: it knows all beforehand. */
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
