package dev.jev.codec;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/** A protocol of frames with a length field, which has many forms. Stateless. */
final class LengthFieldProtocol implements Protocol<ByteBuf, ByteBuf> {

  private final LengthField field;

  // Components of the field, and values derived from them.
  private final int width;
  private final boolean littleEndian;
  private final int offset;
  private final int strip;
  private final int headerBytes;
  private final long uncountedBytes;
  private final int minFrameBytes;
  private final boolean stripsOnlyTheField;

  LengthFieldProtocol(LengthField field) {
    this.field = field;
    this.width = field.width();
    this.littleEndian = field.order() == ByteOrder.LITTLE_ENDIAN;
    this.offset = field.offset();
    this.strip = field.strip();
    this.headerBytes = field.headerBytes();
    this.uncountedBytes = field.uncountedBytes();
    this.minFrameBytes = Math.max(headerBytes, strip);
    this.stripsOnlyTheField = offset == 0 && strip == width;
  }

  @Override
  public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
    if (in.readableBytes() < headerBytes) {
      return null;
    }
    long length = read(in, in.readerIndex() + offset);
    long frameBytes = length + uncountedBytes;
    int limit = Math.min(field.maxFrameBytes(), context.maxFrameBytes());
    if (length < 0 || frameBytes < minFrameBytes || frameBytes > limit) {
      throw rejection(length, limit);
    }
    if (in.readableBytes() < frameBytes) {
      return null;
    }
    in.skipBytes(strip);
    return in.readRetainedSlice((int) frameBytes - strip);
  }

  @Override
  public void pack(ByteBuf message, ByteBuf out) {
    if (stripsOnlyTheField) {
      packLength(strip + message.readableBytes() - uncountedBytes, out);
    } else if (strip == 0) {
      checkLength(message);
    } else {
      throw new IllegalArgumentException(
          "strip: "
              + strip
              + " bytes (expected: 0, or the width of a field at offset 0, to pack messages)");
    }
  }

  @Override
  public ByteBuf zeroCopyTail(ByteBuf message) {
    return message;
  }

  @Override
  public Object encodingKey() {
    return field;
  }

  private ProtocolException rejection(long length, int limit) {
    if (length < 0) {
      return new ProtocolException("length: " + length + " bytes (expected: >= 0)");
    }
    if (length + uncountedBytes < minFrameBytes && length <= limit - uncountedBytes) {
      return new ProtocolException(
          "frame: " + (length + uncountedBytes) + " bytes (expected: >= " + minFrameBytes + ")");
    }
    return new ProtocolException(
        "frame: "
            + Long.toUnsignedString(length + uncountedBytes)
            + " bytes (expected: <= "
            + limit
            + ")");
  }

  private void packLength(long length, ByteBuf out) {
    if (length < 0 || length > field.maxLength()) {
      throw new IllegalArgumentException(
          "length: " + length + " bytes (expected: 0.." + field.maxLength() + ")");
    }
    write(length, out);
  }

  /** Checks that a message is a frame whose length field agrees with its length. */
  private void checkLength(ByteBuf message) {
    int bytes = message.readableBytes();
    if (bytes < headerBytes) {
      throw new IllegalArgumentException(
          "message: " + bytes + " bytes (expected: >= " + headerBytes + ")");
    }
    long length = read(message, message.readerIndex() + offset);
    long expected = bytes - uncountedBytes;
    if (length != expected) {
      throw new IllegalArgumentException(
          "length: " + length + " bytes (expected: " + expected + ")");
    }
  }

  private long read(ByteBuf in, int index) {
    return switch (width) {
      case 1 -> in.getUnsignedByte(index);
      case 2 -> littleEndian ? in.getUnsignedShortLE(index) : in.getUnsignedShort(index);
      case 3 -> littleEndian ? in.getUnsignedMediumLE(index) : in.getUnsignedMedium(index);
      case 4 -> littleEndian ? in.getUnsignedIntLE(index) : in.getUnsignedInt(index);
      default -> littleEndian ? in.getLongLE(index) : in.getLong(index);
    };
  }

  private void write(long length, ByteBuf out) {
    int low = (int) length;
    switch (width) {
      case 1 -> out.writeByte(low);
      case 2 -> out.writeShort(littleEndian ? Short.reverseBytes((short) low) : low);
      case 3 -> out.writeMedium(littleEndian ? Integer.reverseBytes(low) >>> Byte.SIZE : low);
      case 4 -> out.writeInt(littleEndian ? Integer.reverseBytes(low) : low);
      default -> out.writeLong(littleEndian ? Long.reverseBytes(length) : length);
    }
  }
}
