package dev.jev.codec;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Parser;
import com.google.protobuf.UnsafeByteOperations;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;

/** Reads Protocol Buffers messages from Netty buffers and writes them to Netty buffers. */
final class ProtobufBytes {

  /** A message, or an envelope with a message, that can write itself. */
  @FunctionalInterface
  interface Content {
    void writeTo(CodedOutputStream out) throws IOException;
  }

  private ProtobufBytes() {}

  /** Parses a message that holds no reference to {@code payload}. */
  static <T> T parse(Parser<T> parser, ByteBuf payload) {
    int length = payload.readableBytes();
    try {
      return parser.parseFrom(Scratch.copy(payload, payload.readerIndex(), length), 0, length);
    } catch (InvalidProtocolBufferException e) {
      throw malformed(length, e);
    }
  }

  /** Parses a message that holds no reference to {@code payload}. */
  static <T> T parse(Parser<T> parser, ByteString payload) {
    try {
      return parser.parseFrom(payload);
    } catch (InvalidProtocolBufferException e) {
      throw malformed(payload.size(), e);
    }
  }

  /**
   * Parses a message whose byte strings are views of a {@link Scratch} array and valid only as long
   * as its content.
   */
  static <T> T parseView(Parser<T> parser, ByteBuf payload) {
    int length = payload.readableBytes();
    byte[] bytes = Scratch.copy(payload, payload.readerIndex(), length);
    CodedInputStream in = UnsafeByteOperations.unsafeWrap(bytes, 0, length).newCodedInput();
    in.enableAliasing(true);
    try {
      T message = parser.parseFrom(in);
      in.checkLastTagWas(0); // a stray end of a group would hide the bytes after it
      return message;
    } catch (InvalidProtocolBufferException e) {
      e.setUnfinishedMessage(null); // it refers to the payload
      throw malformed(length, e);
    }
  }

  private static ProtocolException malformed(int bytes, InvalidProtocolBufferException e) {
    String subject = "protobuf message: " + bytes + " bytes that do not parse";
    return new ProtocolException(subject + " (expected: a well-formed message)", e);
  }

  /** Appends {@code content}, whose length is {@code bytes}. */
  static void write(Content content, int bytes, ByteBuf out) {
    out.ensureWritable(bytes);
    try {
      if (out.nioBufferCount() == 1) {
        ByteBuffer room = out.nioBuffer(out.writerIndex(), bytes);
        write(content, CodedOutputStream.newInstance(room));
        out.writerIndex(out.writerIndex() + bytes);
      } else { // nioBuffer would return a copy
        OutputStream stream = new ByteBufOutputStream(out);
        write(content, CodedOutputStream.newInstance(stream));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void write(Content content, CodedOutputStream out) throws IOException {
    content.writeTo(out);
    out.flush();
  }
}
