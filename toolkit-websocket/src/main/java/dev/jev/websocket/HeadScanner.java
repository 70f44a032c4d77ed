package dev.jev.websocket;

import io.netty.buffer.ByteBuf;
import io.netty.util.ByteProcessor;

/**
 * Finds the end of the head of an HTTP message (RFC 9112, 2.1). Refuses, at the first invalid byte,
 * everything that parsers interpret differently: folded lines, whitespace around names, line ends
 * other than CRLF, control characters and lines without a colon. Enforces the size limits, too.
 *
 * <p>Every byte is scanned once, however the bytes are split into reads.
 */
final class HeadScanner implements ByteProcessor {

  static final int MAX_START_LINE_BYTES = 4 * 1024;
  static final int MAX_FIELDS_BYTES = 8 * 1024;
  static final int MAX_FIELDS = 100;

  // States, named by the expected input.
  private static final int START = 0;
  private static final int EMPTY_LINE_LF = 1;
  private static final int START_LINE = 2;
  private static final int START_LINE_LF = 3;
  private static final int FIELD = 4;
  private static final int NAME = 5;
  private static final int VALUE = 6;
  private static final int VALUE_LF = 7;
  private static final int END_LF = 8;
  private static final int END = 9;

  private int state = START;
  private int scanned; // number of unread bytes that are scanned
  private int startLineBytes;
  private int fieldsBytes;
  private int fields;

  /**
   * Scans the bytes that have arrived; returns the length of the head, or -1 if it is incomplete.
   * The next call after a complete head begins a new one.
   */
  int scan(ByteBuf in) {
    int from = in.readerIndex() + scanned;
    in.forEachByte(from, in.writerIndex() - from, this);
    if (state != END) {
      return -1;
    }
    int length = scanned;
    state = START;
    scanned = 0;
    startLineBytes = 0;
    fieldsBytes = 0;
    fields = 0;
    return length;
  }

  /** Returns whether a head has begun. */
  boolean hasBegun() {
    return scanned > 0;
  }

  @Override
  public boolean process(byte value) {
    scanned++;
    state = next(value & 0xff);
    if (state >= FIELD && ++fieldsBytes > MAX_FIELDS_BYTES + 3) { // with LF before, CRLF after
      throw tooLarge("header lines: more than " + MAX_FIELDS_BYTES + " bytes", MAX_FIELDS_BYTES);
    }
    return state != END;
  }

  private int next(int c) {
    return switch (state) {
      // RFC 9112, 2.2: an empty line before the start line is ignored.
      case START -> c == '\r' ? EMPTY_LINE_LF : startLine(c);
      case EMPTY_LINE_LF -> lineFeed(c, START_LINE);
      case START_LINE -> c == '\r' ? START_LINE_LF : startLine(c);
      case START_LINE_LF -> lineFeed(c, FIELD);
      case FIELD -> c == '\r' ? END_LF : field(c);
      case NAME -> c == ':' ? VALUE : name(c);
      case VALUE -> c == '\r' ? VALUE_LF : value(c);
      case VALUE_LF -> lineFeed(c, FIELD);
      default -> lineFeed(c, END);
    };
  }

  private int startLine(int c) {
    if (++startLineBytes > MAX_START_LINE_BYTES) {
      throw new Refusal(
          414,
          "start line: more than "
              + MAX_START_LINE_BYTES
              + " bytes (expected: <= "
              + MAX_START_LINE_BYTES
              + ")");
    }
    if (startLineBytes == 1 && (c == ' ' || c == '\t')) {
      throw unexpected("start line", c, "no leading whitespace");
    }
    checkText("start line", c);
    return START_LINE;
  }

  private int field(int c) {
    if (c == ' ' || c == '\t') { // RFC 9112, 5.2 and 2.2
      throw unexpected("header line", c, "no leading whitespace");
    }
    if (++fields > MAX_FIELDS) {
      throw tooLarge("header lines: more than " + MAX_FIELDS, MAX_FIELDS);
    }
    return name(c);
  }

  private static int name(int c) {
    if (!Tokens.isTokenChar(c)) { // RFC 9112, 5.1: no whitespace before the colon either
      throw unexpected("header name", c, "a token and a colon");
    }
    return NAME;
  }

  private static int value(int c) {
    checkText("header value", c);
    return VALUE;
  }

  private static void checkText(String where, int c) {
    boolean isControl = (c < 0x20 && c != '\t') || c == 0x7f;
    if (isControl) {
      throw unexpected(where, c, c == '\n' ? "CR before LF" : "no control character");
    }
  }

  private static int lineFeed(int c, int then) {
    if (c != '\n') {
      throw unexpected("line end", c, "LF after CR");
    }
    return then;
  }

  private static Refusal unexpected(String where, int c, String expected) {
    return Refusal.bad(String.format("%s: character 0x%02x (expected: %s)", where, c, expected));
  }

  private static Refusal tooLarge(String what, int limit) {
    return new Refusal(431, what + " (expected: <= " + limit + ")");
  }
}
