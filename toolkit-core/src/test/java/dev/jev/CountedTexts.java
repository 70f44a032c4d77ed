package dev.jev;

import io.netty.buffer.ByteBuf;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * {@link Texts} with a given encoding key, which count how often one is packed.
 *
 * <p>An empty text cannot be packed: a length is written, then an exception is thrown. An encoding
 * key that is an exception is thrown.
 */
public final class CountedTexts implements Protocol<String, String> {

  private final Texts texts = new Texts();
  private final @Nullable Object encodingKey;
  private final AtomicInteger packed;

  public CountedTexts(@Nullable Object encodingKey, AtomicInteger packed) {
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
    if (message.isEmpty()) {
      out.writeInt(0);
      throw new IllegalArgumentException("message: 0 characters (expected: >= 1)");
    }
    texts.pack(message, out);
  }

  @Override
  public @Nullable Object encodingKey() {
    if (encodingKey instanceof RuntimeException failure) {
      throw failure;
    }
    return encodingKey;
  }
}
