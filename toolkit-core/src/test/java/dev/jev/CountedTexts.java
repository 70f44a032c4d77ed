package dev.jev;

import io.netty.buffer.ByteBuf;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** {@link Texts} with a given encoding key, which count how often one is packed. */
final class CountedTexts implements Protocol<String, String> {

  private final Texts texts = new Texts();
  private final @Nullable Object encodingKey;
  private final AtomicInteger packed;

  CountedTexts(@Nullable Object encodingKey, AtomicInteger packed) {
    this.encodingKey = encodingKey;
    this.packed = packed;
  }

  @Override
  public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
    return texts.unpack(context, in);
  }

  @Override
  public void pack(String message, ByteBuf out) {
    packed.incrementAndGet();
    texts.pack(message, out);
  }

  @Override
  public @Nullable Object encodingKey() {
    return encodingKey;
  }
}
