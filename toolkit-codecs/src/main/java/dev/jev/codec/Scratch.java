package dev.jev.codec;

import io.netty.buffer.ByteBuf;

/**
 * An array for bytes that are decoded at once, since what makes texts and messages reads arrays
 * faster than direct buffers, and best without a new one each time.
 */
final class Scratch {

  /** More is allocated when it is needed, and not kept. */
  private static final int BYTES = 16 * 1024;

  /** The event loops', each of which decodes one message at a time. */
  private static final ThreadLocal<byte[]> ARRAYS = ThreadLocal.withInitial(() -> new byte[BYTES]);

  private Scratch() {}

  /**
   * An array that begins with the bytes of {@code in} from {@code index} on.
   *
   * <p><b>Ownership.</b> It is the thread's, and valid until the next call.
   */
  static byte[] copy(ByteBuf in, int index, int length) {
    byte[] array = length <= BYTES ? ARRAYS.get() : new byte[length];
    in.getBytes(index, array, 0, length);
    return array;
  }
}
