package dev.jev;

import io.netty.buffer.ByteBuf;

/**
 * A message with a buffer, of which it can make a copy.
 *
 * <p>A message that was received is often a small part of the buffer that it was read into. A
 * {@link SharedMessage}, and so a {@link Topic}, replaces such a message by a copy, so that it
 * keeps no more memory than it counts as. Reference-counted message types should implement this
 * interface, unless they are a {@code ByteBuf} or {@code ByteBufHolder}.
 */
public interface Copyable {

  /** Returns the buffer, which belongs to the message. */
  ByteBuf content();

  /** Returns an equal message of the same class with a buffer of its own. */
  Copyable copy();
}
