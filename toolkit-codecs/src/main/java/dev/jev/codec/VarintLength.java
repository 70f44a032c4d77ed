package dev.jev.codec;

import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;

/**
 * The length of a payload in front of it, as Protocol Buffers delimit messages: an unsigned
 * base-128 varint, seven bits a byte, the lowest ones first, where a set high bit announces another
 * byte.
 */
final class VarintLength {

  /** As many as 32 bits need. */
  private static final int MAX_BYTES = 5;

  private static final int BITS = 7;
  private static final int MASK = 0x7f;

  private VarintLength() {}

  /** Takes the length off {@code in} if all of the payload has arrived, else returns -1. */
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

  /** Writes {@code length} in as few bytes as it needs. */
  static void write(int length, ByteBuf out) {
    int rest = length;
    while (rest > MASK) {
      out.writeByte(rest | ~MASK);
      rest >>>= BITS;
    }
    out.writeByte(rest);
  }
}
