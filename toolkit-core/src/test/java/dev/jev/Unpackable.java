package dev.jev;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** {@link Texts} that cannot pack the texts {@code unpackable} and {@code too early}. */
final class Unpackable implements Protocol<String, String> {

  private final Texts texts = new Texts();

  @Override
  public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
    return texts.unpack(context, in);
  }

  @Override
  public void pack(String message, ByteBuf out) {
    if (message.equals("unpackable")) {
      throw new IllegalArgumentException("message: " + message);
    }
    if (message.equals("too early")) {
      throw new IllegalStateException("message: " + message);
    }
    texts.pack(message, out);
  }
}
