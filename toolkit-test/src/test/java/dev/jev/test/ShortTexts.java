package dev.jev.test;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** A correct protocol: texts of up to 255 bytes behind a length of one byte. */
class ShortTexts implements Protocol<String, String> {

  @Override
  public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
    int length = in.getUnsignedByte(in.readerIndex());
    if (length == 0) {
      throw new ProtocolException("length: 0 (expected: 1..255)");
    }
    if (in.readableBytes() < 1 + length) {
      return null;
    }
    in.skipBytes(1);
    return in.readCharSequence(length, StandardCharsets.UTF_8).toString();
  }

  @Override
  public void pack(String message, ByteBuf out) {
    byte[] bytes = message.getBytes(StandardCharsets.UTF_8);
    if (bytes.length == 0 || bytes.length > 255) {
      throw new IllegalArgumentException("message: " + bytes.length + " bytes (expected: 1..255)");
    }
    out.writeByte(bytes.length).writeBytes(bytes);
  }
}
