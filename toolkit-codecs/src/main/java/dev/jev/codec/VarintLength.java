package dev.jev.codec;

import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;

/**
 * The length before a payload, as in delimited messages of Protocol Buffers: an unsigned base-128
 * varint with seven bits per byte, the least significant first. A set high bit announces another
 * byte.
 */
final class VarintLength {

  /** The maximum number of bytes, which 32 bits need. */
  private static final int MAX_BYTES = 5;

  private static final int BITS = 7;
  private static final int MASK = 0x7f;

  private VarintLength() {}

  /**
   * Consumes and returns the length if the whole payload has arrived; otherwise, returns -1 and
   * consumes nothing.
   */
  static int take(ProtocolContext context, ByteBuf in) {
    int available = Math.min(in.readableBytes(), MAX_BYTES);
    long length = 0;
    for (int i = 0; i < available; i++) {
      byte b = in.getByte(in.readerIndex() + i);
      length |= (long) (b & MASK) << (BITS * i);
      if (b >= 0) {
        return take(context, in, i + 1, length);
      }
    }
    if (available == MAX_BYTES) {
      throw new ProtocolException("length: more than 5 bytes (expected: <= 5 bytes)");
    }
    return -1;
  }

  private static int take(ProtocolContext context, ByteBuf in, int headerBytes, long length) {
    long frameBytes = headerBytes + length;
    if (frameBytes > context.maxFrameBytes()) {
      throw new ProtocolException(
          "frame: " + frameBytes + " bytes (expected: <= " + context.maxFrameBytes() + ")");
    }
    if (in.readableBytes() < frameBytes) {
      return -1;
    }
    in.skipBytes(headerBytes);
    return (int) length;
  }

  /** Writes {@code length} in as few bytes as possible. */
  static void write(int length, ByteBuf out) {
    int rest = length;
    while (rest > MASK) {
      out.writeByte(rest | ~MASK);
      rest >>>= BITS;
    }
    out.writeByte(rest);
  }
}
