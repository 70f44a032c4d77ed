package dev.jev.codec;

import io.netty.buffer.ByteBuf;

/**
 * A reusable array per thread for bytes that are decoded at once. Decoders of strings and messages
 * read arrays faster than direct buffers, and are fastest without a new array per message.
 */
final class Scratch {

  /** The size of a reusable array; a longer array is allocated on demand and not kept. */
  private static final int BYTES = 16 * 1024;

  /** The arrays of the event loops, each of which decodes one message at a time. */
  private static final ThreadLocal<byte[]> ARRAYS = ThreadLocal.withInitial(() -> new byte[BYTES]);

  private Scratch() {}

  /**
   * Returns an array that begins with the {@code length} bytes of {@code in} from {@code index} on.
   *
   * <p><b>Ownership.</b> The array belongs to the thread and is valid until the next call.
   */
  static byte[] copy(ByteBuf in, int index, int length) {
    byte[] array = length <= BYTES ? ARRAYS.get() : new byte[length];
    in.getBytes(index, array, 0, length);
    return array;
  }
}
