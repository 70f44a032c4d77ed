package com.example;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import org.jspecify.annotations.Nullable;

/**
 * Messages as bytes: a type (1 byte), the length of the text (2 bytes), the text in UTF-8. Requests
 * and replies have the same format.
 */
final class TextProtocol implements Protocol<TextProtocol.Message, TextProtocol.Message> {

  private static final int HEADER_BYTES = 3;
  private static final int MAX_TEXT_BYTES = 1024;

  /** A request, or the reply to it, which has the same type. */
  record Message(Type type, String text) {}

  /** The type of a request: what the server does with the text. */
  enum Type {
    ECHO(1),
    REVERSE(2);

    private final int code;

    Type(int code) {
      this.code = code;
    }

    private static Type of(int code) {
      return switch (code) {
        case 1 -> ECHO;
        case 2 -> REVERSE;
        default -> throw new ProtocolException("type: " + code + " (expected: 1..2)");
      };
    }
  }

  @Override
  public @Nullable Message unpack(ProtocolContext context, ByteBuf in) {
    int start = in.readerIndex();
    Type type = Type.of(in.getUnsignedByte(start)); // there is always at least one byte
    if (in.readableBytes() < HEADER_BYTES) {
      return null; // incomplete: called again when more bytes arrive
    }
    int length = in.getUnsignedShort(start + 1);
    int max = Math.min(MAX_TEXT_BYTES, context.maxFrameBytes() - HEADER_BYTES);
    if (length > max) {
      throw new ProtocolException(tooLong(length, max));
    }
    if (in.readableBytes() < HEADER_BYTES + length) {
      return null;
    }
    if (!ByteBufUtil.isText(in, start + HEADER_BYTES, length, UTF_8)) {
      throw new ProtocolException("text: not UTF-8");
    }
    in.skipBytes(HEADER_BYTES);
    return new Message(type, in.readCharSequence(length, UTF_8).toString());
  }

  @Override
  public void pack(Message message, ByteBuf out) {
    int length = ByteBufUtil.utf8Bytes(message.text());
    if (length > MAX_TEXT_BYTES) {
      throw new IllegalArgumentException(tooLong(length, MAX_TEXT_BYTES));
    }
    out.writeByte(message.type().code).writeShort(length);
    ByteBufUtil.writeUtf8(out, message.text());
  }

  private static String tooLong(int length, int max) {
    return "text: " + length + " bytes (expected: <= " + max + ")";
  }
}
