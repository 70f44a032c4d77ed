package dev.jev;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Strings, each after its length in four bytes. */
public final class Texts implements Protocol<String, String> {

  @Override
  public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
    if (in.readableBytes() < 4) {
      return null;
    }
    int length = in.getInt(in.readerIndex());
    if (length < 0 || length > context.maxFrameBytes() - 4) {
      throw new ProtocolException(
          "length: " + length + " (expected: 0.." + (context.maxFrameBytes() - 4) + ")");
    }
    if (in.readableBytes() - 4 < length) {
      return null;
    }
    in.skipBytes(4);
    return in.readCharSequence(length, StandardCharsets.UTF_8).toString();
  }

  @Override
  public void pack(String message, ByteBuf out) {
    int start = out.writerIndex();
    out.writeInt(0);
    out.setInt(start, out.writeCharSequence(message, StandardCharsets.UTF_8));
  }

  @Override
  public Object encodingKey() {
    return Texts.class;
  }
}
