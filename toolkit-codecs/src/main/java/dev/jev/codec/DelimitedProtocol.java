package dev.jev.codec;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** A protocol of frames that end with delimiters; see {@link Delimiters}. */
final class DelimitedProtocol implements Protocol<ByteBuf, ByteBuf> {

  private final Delimiters delimiters;

  // Event loop only.
  private final Delimiters.Search inbound;
  private final Delimiters.Search outbound;

  /** The number of unread bytes that were searched. */
  private int searchedBytes;

  DelimitedProtocol(Delimiters delimiters) {
    this.delimiters = delimiters;
    this.inbound = new Delimiters.Search(delimiters);
    this.outbound = new Delimiters.Search(delimiters);
  }

  @Override
  public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
    int start = in.readerIndex();
    int limit = Math.min(delimiters.maxFrameBytes(), context.maxFrameBytes());
    int length = Math.min(in.readableBytes(), limit);
    int end = inbound.find(in, start + searchedBytes, start + length);
    if (end < 0) {
      if (length == limit) {
        throw new ProtocolException(
            "frame: more than " + limit + " bytes (expected: <= " + limit + ")");
      }
      searchedBytes = length;
      return null;
    }
    searchedBytes = 0;
    int strippedBytes = delimiters.areKept() ? 0 : inbound.foundBytes();
    ByteBuf frame = in.readRetainedSlice(end - start - strippedBytes);
    in.readerIndex(end);
    return frame;
  }

  @Override
  public void pack(ByteBuf message, ByteBuf out) {
    int start = message.readerIndex();
    int length = message.readableBytes();
    if (delimiters.areKept()) {
      check(findFirst(message, start, length), length, "one at the end");
      return;
    }
    byte[] delimiter = delimiters.first();
    int packed = out.writerIndex();
    message.getBytes(start, out.ensureWritable(length), length);
    out.writeBytes(delimiter);
    int end = findFirst(out, packed, length + delimiter.length);
    check(end - outbound.foundBytes(), length, "none");
  }

  @Override
  public @Nullable ByteBuf zeroCopyTail(ByteBuf message) {
    return delimiters.areKept() ? message : null;
  }

  @Override
  public Object encodingKey() {
    return delimiters;
  }

  /** Returns the number of bytes up to the end of the first delimiter, or -1 if there is none. */
  private int findFirst(ByteBuf bytes, int start, int length) {
    outbound.restart();
    int end = outbound.find(bytes, start, start + length);
    return end < 0 ? -1 : end - start;
  }

  private static void check(int found, int length, String expected) {
    if (found != length) {
      throw new IllegalArgumentException(
          "message: "
              + (found < 0 ? "no delimiter" : "a delimiter within its " + length + " bytes")
              + " (expected: "
              + expected
              + ")");
    }
  }
}
