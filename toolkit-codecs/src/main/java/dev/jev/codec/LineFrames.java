package dev.jev.codec;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * A protocol of lines as bytes, without their line ends. Accepts {@code \n} and {@code \r\n};
 * writes {@code \n}.
 *
 * <p>Each byte is searched once, however small the pieces are in which a line arrives.
 */
final class LineFrames implements Protocol<ByteBuf, ByteBuf> {

  private final int maxBytes;

  /** The number of unread bytes known to contain no line end. Event loop only. */
  private int searchedBytes;

  /**
   * Creates a protocol of lines of at most {@code maxBytes}, including their line ends.
   *
   * @throws IllegalArgumentException if {@code maxBytes < 1}
   */
  LineFrames(int maxBytes) {
    if (maxBytes < 1) {
      throw new IllegalArgumentException("maxBytes: " + maxBytes + " (expected: >= 1)");
    }
    this.maxBytes = maxBytes;
  }

  @Override
  public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
    int end = find(context, in);
    if (end < 0) {
      return null;
    }
    ByteBuf line = in.readRetainedSlice(lineBytes(in, end));
    in.readerIndex(end + 1);
    return line;
  }

  /** Returns the index of the {@code \n} that ends the next line, or -1 if it has not arrived. */
  int find(ProtocolContext context, ByteBuf in) {
    int start = in.readerIndex();
    int limit = Math.min(maxBytes, context.maxFrameBytes());
    int length = Math.min(in.readableBytes(), limit);
    int end = ByteSearch.indexOf(in, start + searchedBytes, start + length, (byte) '\n');
    if (end >= 0) {
      searchedBytes = 0;
      return end;
    }
    if (length == limit) {
      throw new ProtocolException(
          "line: more than " + limit + " bytes (expected: <= " + limit + ")");
    }
    searchedBytes = length;
    return -1;
  }

  /**
   * Returns the length of the next line without its line end, whose {@code \n} is at {@code end}.
   */
  static int lineBytes(ByteBuf in, int end) {
    int length = end - in.readerIndex();
    return length > 0 && in.getByte(end - 1) == '\r' ? length - 1 : length;
  }

  @Override
  public void pack(ByteBuf message, ByteBuf out) {
    int start = message.readerIndex();
    int length = message.readableBytes();
    if (message.indexOf(start, start + length, (byte) '\n') >= 0
        || (length > 0 && message.getByte(start + length - 1) == '\r')) {
      throw lineBreak();
    }
    message.getBytes(start, out.ensureWritable(length), length);
    out.writeByte('\n');
  }

  @Override
  public Object encodingKey() {
    return LineFrames.class;
  }

  /**
   * Returns the exception for a message that the peer would not receive as it was sent, because it
   * contains or ends with a line break.
   */
  static IllegalArgumentException lineBreak() {
    return new IllegalArgumentException("message: has a line break (expected: one line)");
  }
}
