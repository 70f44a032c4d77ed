package dev.jev.plugin;

import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;

/**
 * Reads the header of a gzip member (RFC 1952, 2.3), however the input is split.
 *
 * <pre>
 *   1f 8b 08 flags time(4) xfl os  [length(2) extra]  [name 00]  [comment 00]  [crc(2)]
 * </pre>
 */
final class GzipHeader {

  private static final int[] MAGIC = {0x1f, 0x8b, 0x08}; // the third byte is the method, deflate
  private static final int FIXED_BYTES = 10;
  private static final int MAX_BYTES = 4096;

  private static final int CRC = 1 << 1;
  private static final int EXTRA = 1 << 2;
  private static final int NAME = 1 << 3;
  private static final int COMMENT = 1 << 4;
  private static final int RESERVED = 0xe0;

  private int length;
  private int flags; // of the optional fields still to come
  private int extraLengthBytes;
  private int extraLength;
  private int crcBytes;

  /** Returns whether no byte of the header has been read. */
  boolean isEmpty() {
    return length == 0;
  }

  /** Consumes bytes of the header; returns whether it is complete. */
  boolean read(ByteBuf in) {
    boolean complete = false;
    while (!complete && in.isReadable()) {
      complete = read(in.readUnsignedByte());
    }
    return complete;
  }

  private boolean read(int octet) {
    if (length == MAX_BYTES) {
      throw new ProtocolException(
          "gzip header length: more than " + MAX_BYTES + " bytes (expected: <= " + MAX_BYTES + ")");
    }
    if (length < FIXED_BYTES) {
      readFixed(octet);
    } else if ((flags & EXTRA) != 0) {
      readExtra(octet);
    } else if ((flags & NAME) != 0) {
      endText(octet, NAME);
    } else if ((flags & COMMENT) != 0) {
      endText(octet, COMMENT);
    } else if (++crcBytes == 2) {
      flags &= ~CRC;
    }
    return ++length >= FIXED_BYTES && flags == 0;
  }

  private void readFixed(int octet) {
    if (length < MAGIC.length) {
      expect("gzip header", octet, octet == MAGIC[length], "1f8b08 (RFC 1952, 2.3.1)");
    } else if (length == MAGIC.length) {
      expect("gzip flags", octet, (octet & RESERVED) == 0, "bits 5 to 7 zero (RFC 1952, 2.3.1.2)");
      flags = octet & (CRC | EXTRA | NAME | COMMENT);
    }
  }

  private static void expect(String what, int octet, boolean holds, String expected) {
    if (!holds) {
      throw new ProtocolException(
          what + ": byte " + Integer.toHexString(octet) + " (expected: " + expected + ")");
    }
  }

  private void readExtra(int octet) {
    if (extraLengthBytes < 2) {
      extraLength |= octet << (8 * extraLengthBytes++);
    } else {
      extraLength--;
    }
    if (extraLengthBytes == 2 && extraLength == 0) {
      flags &= ~EXTRA;
    }
  }

  private void endText(int octet, int field) {
    if (octet == 0) {
      flags &= ~field;
    }
  }
}
