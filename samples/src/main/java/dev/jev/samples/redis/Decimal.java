package dev.jev.samples.redis;

import static java.nio.charset.StandardCharsets.US_ASCII;

/** Signed integers of 64 bits, in the decimal form of Redis. */
final class Decimal {

  private static final int MAX_BYTES = 20;

  private Decimal() {}

  /**
   * Returns the number that {@code text} represents.
   *
   * @throws RedisError if it is not such a number, or has blanks, a plus sign or leading zeros
   */
  static long parse(byte[] text) {
    boolean negative = text.length > 0 && text[0] == '-';
    int first = negative ? 1 : 0;
    boolean leadingZero = text.length > 1 && text.length > first && text[first] == '0';
    if (text.length == first || text.length > MAX_BYTES || leadingZero) {
      throw new RedisError(RedisError.NOT_AN_INTEGER);
    }
    long number = 0; // accumulated as a negative, since -Long.MIN_VALUE overflows
    for (int i = first; i < text.length; i++) {
      int digit = text[i] - '0';
      if (digit < 0 || digit > 9 || number < (Long.MIN_VALUE + digit) / 10) {
        throw new RedisError(RedisError.NOT_AN_INTEGER);
      }
      number = 10 * number - digit;
    }
    if (!negative && number == Long.MIN_VALUE) {
      throw new RedisError(RedisError.NOT_AN_INTEGER);
    }
    return negative ? number : -number;
  }

  static byte[] format(long number) {
    return Long.toString(number).getBytes(US_ASCII);
  }
}
