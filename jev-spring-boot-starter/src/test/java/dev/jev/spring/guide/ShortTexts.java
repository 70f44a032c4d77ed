package dev.jev.spring.guide;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.Texts;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** Any protocol with a constructor without parameters. */
final class ShortTexts implements Protocol<String, String> {

  private final Texts texts = new Texts();

  @Override
  public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
    return texts.unpack(context, in);
  }

  @Override
  public void pack(String message, ByteBuf out) {
    texts.pack(message, out);
  }
}
