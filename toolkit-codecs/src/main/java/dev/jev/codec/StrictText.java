package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.util.Arrays;

/**
 * A converter between strings and the bytes of one charset that replaces nothing silently.
 *
 * <p>The JDK's fast decoder replaces malformed bytes with U+FFFD, so a string without U+FFFD is
 * certainly correct. Only a string with U+FFFD is decoded again, by a decoder that reports errors.
 * A Latin-1 string cannot contain U+FFFD, so the JDK does not even search it.
 */
final class StrictText {

  private static final char REPLACEMENT = '\uFFFD';
  private static final int ASCII_CHARS = 128;
  private static final int LATIN_1_CHARS = 256;

  private final Charset charset;

  /**
   * The charset to decode with. ASCII is decoded as UTF-8, whose single-byte characters are ASCII.
   */
  private final Charset decoding;

  private final boolean startsWithAscii;

  /**
   * Creates a converter for {@code charset}.
   *
   * @throws IllegalArgumentException if {@code charset} cannot encode
   */
  StrictText(Charset charset) {
    if (!charset.canEncode()) {
      throw new IllegalArgumentException(
          "charset: " + charset + " (expected: one that can encode)");
    }
    this.charset = charset;
    this.decoding = charset.equals(US_ASCII) ? UTF_8 : charset;
    byte[] ascii = new byte[ASCII_CHARS];
    for (int i = 0; i < ASCII_CHARS; i++) {
      ascii[i] = (byte) i;
    }
    this.startsWithAscii = Arrays.equals(new String(ascii, US_ASCII).getBytes(charset), ascii);
  }

  /**
   * Returns the string that the bytes encode.
   *
   * @throws ProtocolException if the bytes are malformed
   */
  String decode(ByteBuf in, int index, int length) {
    String text = new String(Scratch.copy(in, index, length), 0, length, decoding);
    boolean doubtful =
        text.indexOf(REPLACEMENT) >= 0 || (text.length() != length && charset.equals(US_ASCII));
    return doubtful ? decodeStrictly(in.nioBuffer(index, length), charset) : text;
  }

  /**
   * Returns the string that the bytes encode in UTF-8.
   *
   * @throws ProtocolException if the bytes are malformed
   */
  static String decodeUtf8(byte[] bytes) {
    String text = new String(bytes, UTF_8);
    return text.indexOf(REPLACEMENT) < 0 ? text : decodeStrictly(ByteBuffer.wrap(bytes), UTF_8);
  }

  private static String decodeStrictly(ByteBuffer bytes, Charset charset) {
    int start = bytes.position();
    try {
      return charset.newDecoder().decode(bytes).toString();
    } catch (CharacterCodingException e) {
      int offset = bytes.position() - start;
      throw new ProtocolException(
          "text: malformed at byte " + offset + " (expected: " + charset + ")", e);
    }
  }

  /**
   * Appends the bytes of {@code text} to {@code out}.
   *
   * @throws IllegalArgumentException if the charset cannot encode one of its characters
   */
  void encode(String text, ByteBuf out) {
    int bits = 0;
    for (int i = 0; i < text.length(); i++) {
      bits |= text.charAt(i);
    }
    if (bits < ASCII_CHARS && startsWithAscii) {
      out.writeCharSequence(text, US_ASCII);
    } else if (bits < LATIN_1_CHARS && charset.equals(ISO_8859_1)) {
      out.writeCharSequence(text, ISO_8859_1);
    } else if (charset.equals(UTF_8) && (bits < Character.MIN_SURROGATE || isPaired(text))) {
      out.writeCharSequence(text, UTF_8);
    } else {
      out.writeBytes(encodeStrictly(CharBuffer.wrap(text)));
    }
  }

  /**
   * Returns {@code text} if UTF-8 can encode it.
   *
   * @param name the name of the text in the message of the exception
   * @throws IllegalArgumentException if {@code text} contains half a surrogate pair
   */
  static String checked(String name, String text) {
    int bits = 0;
    for (int i = 0; i < text.length(); i++) {
      bits |= text.charAt(i);
    }
    if (bits >= Character.MIN_SURROGATE && !isPaired(text)) {
      throw new IllegalArgumentException(
          name + ": half a surrogate pair (expected: text that UTF-8 can encode)");
    }
    return text;
  }

  /**
   * Returns the bytes of {@code text} in UTF-8.
   *
   * @param name the name of the text in the message of the exception
   * @throws IllegalArgumentException if {@code text} contains half a surrogate pair
   */
  static byte[] utf8(String name, String text) {
    return checked(name, text).getBytes(UTF_8);
  }

  private static boolean isPaired(String text) {
    int codePoint;
    for (int i = 0; i < text.length(); i += Character.charCount(codePoint)) {
      codePoint = text.codePointAt(i);
      if (codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE) {
        return false;
      }
    }
    return true;
  }

  private ByteBuffer encodeStrictly(CharBuffer text) {
    try {
      return charset.newEncoder().encode(text);
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(
          "message: unmappable at character " + text.position() + " (expected: " + charset + ")",
          e);
    }
  }
}
