package dev.jev.websocket;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;

/**
 * Validates UTF-8 incrementally, and fails at the first invalid byte (RFC 3629, 4).
 *
 * <p>The first byte of a character determines the number of continuation bytes and the range of the
 * next one. That excludes overlong forms, surrogates and code points above U+10FFFF.
 */
final class Utf8Validator {

  static final long NOT_ASCII = 0x8080_8080_8080_8080L;

  private int missing; // bytes of the current character
  private int least; // valid range of the next of these bytes
  private int greatest;

  /** Validates further bytes; returns the index of the first invalid one, or -1. */
  int accept(ByteBuf bytes, int from, int to) {
    // A ByteBuf checks every access, which costs more than the validation. This checks once.
    if (bytes.nioBufferCount() == 1) {
      int valid = accept(bytes.internalNioBuffer(from, to - from));
      return valid < to - from ? from + valid : -1;
    }
    int start = from;
    for (ByteBuffer part : bytes.nioBuffers(from, to - from)) {
      int length = part.remaining();
      int valid = accept(part);
      if (valid < length) {
        return start + valid;
      }
      start += length;
    }
    return -1;
  }

  /** Validates further bytes; returns the number of bytes before the first invalid one. */
  private int accept(ByteBuffer bytes) {
    int start = bytes.position();
    int end = bytes.limit();
    int i = start;
    while (i < end) {
      byte next = bytes.get(i);
      if (missing == 0 && next >= 0) {
        i = skipAscii(bytes, i, end);
        continue;
      }
      if (!(missing == 0 ? begin(next & 0xff) : proceed(next & 0xff))) {
        break;
      }
      i++;
    }
    return i - start;
  }

  /** Returns whether the text may end here: no character is incomplete. */
  boolean isComplete() {
    return missing == 0;
  }

  private static int skipAscii(ByteBuffer bytes, int from, int to) {
    int i = from;
    while (i <= to - 4 * Long.BYTES
        && isAscii(
            bytes.getLong(i)
                | bytes.getLong(i + 8)
                | bytes.getLong(i + 16)
                | bytes.getLong(i + 24))) {
      i += 4 * Long.BYTES;
    }
    while (i <= to - Long.BYTES && isAscii(bytes.getLong(i))) {
      i += Long.BYTES;
    }
    while (i < to && bytes.get(i) >= 0) {
      i++;
    }
    return i;
  }

  private static boolean isAscii(long eightBytes) {
    return (eightBytes & NOT_ASCII) == 0;
  }

  private boolean begin(int first) {
    if (first < 0xc2 || first > 0xf4) {
      return false;
    }
    missing = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    greatest = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return true;
  }

  private boolean proceed(int next) {
    if (next < least || next > greatest) {
      return false;
    }
    missing--;
    least = 0x80;
    greatest = 0xbf;
    return true;
  }
}
