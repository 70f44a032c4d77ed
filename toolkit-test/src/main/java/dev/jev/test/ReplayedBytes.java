package dev.jev.test;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;

/** Bytes without frames: each read is a message. */
final class ReplayedBytes implements Protocol<byte[], byte[]> {

  @Override
  public byte[] unpack(ProtocolContext context, ByteBuf in) {
    byte[] bytes = new byte[in.readableBytes()];
    in.readBytes(bytes);
    return bytes;
  }

  @Override
  public void pack(byte[] message, ByteBuf out) {
    out.writeBytes(message);
  }
}
