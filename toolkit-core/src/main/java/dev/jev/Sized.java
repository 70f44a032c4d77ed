package dev.jev;

/**
 * A message that knows its size in bytes.
 *
 * <p>The size counts while a message that another thread has sent or published is queued: in {@link
 * Connection#pendingBytes}, and for the limits of a {@link Topic}. Message types that may be large
 * should implement this interface. The sizes of {@code ByteBuf}, {@code ByteBufHolder}, {@code
 * byte[]} and {@code CharSequence} are known without it. All other messages count as 0 bytes. Each
 * message counts 96 bytes in addition.
 */
public interface Sized {

  /**
   * Returns the size in bytes, or an estimate, from 0 to 1 TiB. May be called from any thread. If
   * it throws, or returns another value, the message is dropped, and the call that sends or
   * publishes it throws.
   */
  long sizeBytes();
}
