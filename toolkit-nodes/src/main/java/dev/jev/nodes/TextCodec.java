package dev.jev.nodes;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;

/** The codecs of texts and of byte arrays. */
record TextCodec(Format format) implements MessageCodec<String> {

  static final MessageCodec<String> UTF8 = new TextCodec(Format.TEXT);
  static final MessageCodec<String> JSON = new TextCodec(Format.JSON);
  static final MessageCodec<byte[]> BYTES =
      new MessageCodec<>() {
        @Override
        public byte[] encode(byte[] message) {
          return requireNonNull(message, "message");
        }

        @Override
        public byte[] decode(byte[] bytes) {
          return bytes;
        }

        @Override
        public String toString() {
          return "bytes";
        }
      };

  @Override
  public byte[] encode(String message) {
    byte[] bytes = strictBytes("message", message);
    if (format == Format.JSON) {
      Json.requireValid(bytes);
    }
    return bytes;
  }

  /** Encodes without replacing a lone surrogate. */
  static byte[] strictBytes(String name, String text) {
    try {
      ByteBuffer encoded = UTF_8.newEncoder().encode(CharBuffer.wrap(text));
      byte[] bytes = new byte[encoded.remaining()];
      encoded.get(bytes);
      return bytes;
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(name + ": lone surrogate (expected: Unicode)", e);
    }
  }

  @Override
  public String decode(byte[] bytes) {
    if (format == Format.JSON) {
      Json.requireValid(bytes);
    }
    return strictText(bytes);
  }

  static String strictText(byte[] bytes) {
    try {
      return UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("message: not UTF-8 (expected: a text)", e);
    }
  }

  @Override
  public String toString() {
    return format.name();
  }
}
