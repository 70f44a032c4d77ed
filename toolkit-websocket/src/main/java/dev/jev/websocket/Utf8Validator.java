package dev.jev.websocket;

import io.netty.buffer.ByteBuf;

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
    int i = from;
    while (i < to) {
      if (missing == 0) {
        i = skipAscii(bytes, i, to);
        if (i == to) {
          return -1;
        }
        if (!begin(bytes.getByte(i) & 0xff)) {
          return i;
        }
      } else if (!proceed(bytes.getByte(i) & 0xff)) {
        return i;
      }
      i++;
    }
    return -1;
  }

  /** Returns whether the text may end here: no character is incomplete. */
  boolean isComplete() {
    return missing == 0;
  }

  private static int skipAscii(ByteBuf bytes, int from, int to) {
    int i = from;
    while (i <= to - Long.BYTES && (bytes.getLongLE(i) & NOT_ASCII) == 0) {
      i += Long.BYTES;
    }
    while (i < to && bytes.getByte(i) >= 0) {
      i++;
    }
    return i;
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
