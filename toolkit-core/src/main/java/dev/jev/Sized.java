package dev.jev;

/**
 * A message that tells how many bytes it has, so that those which wait on other threads' behalf can
 * be counted: in {@link Connection#pendingBytes}, and by a {@link Topic}.
 *
 * <p>To be implemented by types of messages that may be large. Of a {@code ByteBuf}, a {@code
 * ByteBufHolder}, a {@code byte[]} and a {@code CharSequence} it is known anyway; any other message
 * counts as 0 bytes, besides the 96 that each counts.
 */
public interface Sized {

  /** How many bytes it has, or about that; any thread may ask. */
  long sizeBytes();
}
