package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import java.math.BigInteger;

/**
 * Parses the text of one line, for each kind of value that is a line; refuses text that is
 * malformed.
 *
 * <p>The text is in {@code in} between {@code start} and {@code end}, the end of the line.
 */
final class RespLine {

  /** The maximum length of a big number, since the time to parse one grows with its square. */
  static final int MAX_BIG_NUMBER_BYTES = 1024;

  /** The number of decimal digits that always fit a long. */
  private static final int MAX_FAST_DIGITS = 18;

  private RespLine() {}

  static String text(String what, ByteBuf in, int start, int end) {
    if (in.indexOf(start, end, (byte) '\r') >= 0) {
      throw unexpected(what, in, start, end, "no \\r");
    }
    return in.toString(start, end - start, UTF_8);
  }

  static RespValue nullValue(ByteBuf in, int start, int end) {
    if (start != end) {
      throw unexpected("null", in, start, end, "nothing");
    }
    return RespValue.NULL;
  }

  static boolean bool(ByteBuf in, int start, int end) {
    byte letter = end - start == 1 ? in.getByte(start) : 0;
    if (letter != 't' && letter != 'f') {
      throw unexpected("boolean", in, start, end, "t or f");
    }
    return letter == 't';
  }

  static double doubleValue(ByteBuf in, int start, int end) {
    String text = in.toString(start, end - start, ISO_8859_1);
    switch (text) {
      case "inf" -> {
        return Double.POSITIVE_INFINITY;
      }
      case "-inf" -> {
        return Double.NEGATIVE_INFINITY;
      }
      case "nan", "-nan" -> { // C prints both
        return Double.NaN;
      }
      default -> {
        // The grammar of Java also has suffixes, hexadecimal digits and blanks.
        if (text.chars().allMatch(c -> (c >= '0' && c <= '9') || "+-.eE".indexOf(c) >= 0)) {
          try {
            return Double.parseDouble(text);
          } catch (NumberFormatException e) {
            // Rejected below.
          }
        }
        throw unexpected("double", in, start, end, "a decimal number, inf, -inf or nan");
      }
    }
  }

  static BigInteger bigNumber(ByteBuf in, int start, int end) {
    if (end - start > MAX_BIG_NUMBER_BYTES) {
      throw new ProtocolException(
          "big number: " + (end - start) + " bytes (expected: <= " + MAX_BIG_NUMBER_BYTES + ")");
    }
    try {
      return new BigInteger(in.toString(start, end - start, ISO_8859_1));
    } catch (NumberFormatException e) {
      throw unexpected("big number", in, start, end, "a decimal number");
    }
  }

  static long number(String what, ByteBuf in, int start, int end) {
    boolean isNegative = start < end && in.getByte(start) == '-';
    int first = isNegative ? start + 1 : start;
    if (first == end || end - first > MAX_FAST_DIGITS) {
      return uncommonNumber(what, in, start, end);
    }
    long number = 0;
    for (int i = first; i < end; i++) {
      int digit = in.getByte(i) - '0';
      if (digit < 0 || digit > 9) {
        return uncommonNumber(what, in, start, end);
      }
      number = 10 * number + digit;
    }
    return isNegative ? -number : number;
  }

  private static long uncommonNumber(String what, ByteBuf in, int start, int end) {
    try {
      return Long.parseLong(in.toString(start, end - start, ISO_8859_1));
    } catch (NumberFormatException e) {
      throw unexpected(what, in, start, end, "a number of 64 bits");
    }
  }

  static boolean isQuestionMark(ByteBuf in, int start, int end) {
    return end - start == 1 && in.getByte(start) == '?';
  }

  /** Returns the exception for malformed bytes. */
  static ProtocolException unexpected(
      String what, ByteBuf in, int start, int end, String expected) {
    byte[] bytes = new byte[Math.min(end - start, 64)]; // more is not printed
    in.getBytes(start, bytes);
    return new ProtocolException(
        what + ": " + RespText.quoted(bytes) + " (expected: " + expected + ")");
  }
}
