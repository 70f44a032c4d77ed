package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URLDecoder;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import org.jspecify.annotations.Nullable;

/**
 * Conversions between text and bytes that replace nothing silently. The JDK and Netty replace what
 * a charset does not have, and half a surrogate pair, with a question mark.
 *
 * <p>The parameter {@code name} names the text in the message of an exception.
 */
final class StrictText {

  private static final String HEX = "0123456789ABCDEF";

  private StrictText() {}

  /**
   * Returns the length of a text in UTF-8, in bytes. Called per message: must not allocate.
   *
   * @throws IllegalArgumentException if the text contains half a surrogate pair
   */
  static int utf8Bytes(String name, String text) {
    int length = text.length();
    int start = 0;
    while (start < length && text.charAt(start) < 0x80) {
      start++;
    }
    return start == length ? length : start + utf8Bytes(name, text, start);
  }

  private static int utf8Bytes(String name, String text, int start) {
    int bytes = 0;
    for (int i = start; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c < 0x80) {
        bytes++;
      } else if (c < 0x800) {
        bytes += 2;
      } else if (!Character.isSurrogate(c)) {
        bytes += 3;
      } else if (Character.charCount(text.codePointAt(i)) == 2) {
        bytes += 4;
        i++;
      } else {
        throw new IllegalArgumentException(
            String.format(
                "%s: U+%04X at index %d (expected: Unicode, without half a surrogate pair)",
                name, (int) c, i));
      }
    }
    return bytes;
  }

  /**
   * Returns the longest start of a text that has at most {@code maxBytes} in UTF-8. Half a
   * surrogate pair becomes a question mark.
   */
  static String start(String text, int maxBytes) {
    byte[] utf8 = text.getBytes(UTF_8);
    int end = Math.min(utf8.length, maxBytes);
    while (end < utf8.length && (utf8[end] & 0xC0) == 0x80) {
      end--; // not within a character
    }
    return new String(utf8, 0, end, UTF_8);
  }

  /**
   * Returns a text in UTF-8.
   *
   * @throws IllegalArgumentException if the text contains half a surrogate pair
   */
  static byte[] utf8(String name, String text) {
    utf8Bytes(name, text);
    return text.getBytes(UTF_8);
  }

  /**
   * Returns a text in ASCII.
   *
   * @throws IllegalArgumentException if the text has other characters
   */
  static byte[] ascii(String name, String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) >= 0x80) {
        throw new IllegalArgumentException(
            String.format(
                "%s: U+%04X at index %d (expected: ASCII)", name, (int) text.charAt(i), i));
      }
    }
    return text.getBytes(US_ASCII);
  }

  /**
   * Returns a part of a URI with the characters that are not ASCII encoded as in {@code %C3%A4}
   * (RFC 3986, 2.5; RFC 3987, 3.1).
   *
   * @throws IllegalArgumentException if the text contains half a surrogate pair
   */
  static String percentEncoded(String name, String text) {
    byte[] bytes = utf8(name, text);
    if (bytes.length == text.length()) {
      return text;
    }
    StringBuilder encoded = new StringBuilder(3 * bytes.length);
    for (byte b : bytes) {
      if (b >= 0) {
        encoded.append((char) b);
      } else {
        encoded.append('%').append(HEX.charAt((b >> 4) & 0xF)).append(HEX.charAt(b & 0xF));
      }
    }
    return encoded.toString();
  }

  /**
   * Returns a text that was encoded like form data, in ASCII: {@code +} for a space, {@code %C3%A4}
   * for other bytes. Returns null if the bytes are not UTF-8.
   */
  static @Nullable String formDecoded(String text) {
    ByteBuffer bytes = ByteBuffer.wrap(URLDecoder.decode(text, ISO_8859_1).getBytes(ISO_8859_1));
    try {
      return UTF_8.newDecoder().decode(bytes).toString();
    } catch (CharacterCodingException e) {
      return null;
    }
  }
}
