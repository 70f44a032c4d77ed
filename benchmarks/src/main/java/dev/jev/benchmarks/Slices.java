package dev.jev.benchmarks;

import dev.jev.Protocol;
import dev.jev.Wire;
import io.netty.buffer.ByteBuf;

/** The least that a protocol with buffers as messages can do: it knows all beforehand. */
record Slices(int bytes) implements Protocol<ByteBuf, ByteBuf> {

  @Override
  public ByteBuf unpack(Wire wire, ByteBuf in) {
    return in.readRetainedSlice(bytes);
  }

  @Override
  public void pack(ByteBuf message, ByteBuf out) {}

  @Override
  public ByteBuf tail(ByteBuf message) {
    return message;
  }
}
