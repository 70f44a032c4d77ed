package dev.jev.codec;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import java.nio.ByteOrder;
import java.util.List;
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
  private final byte[] header;
  private final int strippedHeader; // bytes of it
  private final boolean stripsTheField;

  LengthFieldProtocol(LengthField field) {
    this.field = field;
    this.width = field.width();
    this.littleEndian = field.order() == ByteOrder.LITTLE_ENDIAN;
    this.offset = field.offset();
    this.strip = field.strip();
    this.headerBytes = field.headerBytes();
    this.uncountedBytes = field.uncountedBytes();
    this.minFrameBytes = Math.max(headerBytes, strip);
    field.checkStrip();
    this.header = bytes(field.header());
    this.strippedHeader = Math.min(strip, header.length);
    this.stripsTheField = field.stripsTheField();
  }

  private static byte[] bytes(List<Integer> values) {
    byte[] bytes = new byte[values.size()];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = values.get(i).byteValue();
    }
    return bytes;
  }

  @Override
  public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
    String fault = header.length == 0 ? null : headerFault(in, 0);
    if (fault != null) {
      throw new ProtocolException(fault);
    }
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

  /**
   * Returns what is wrong with the bytes that are there of a header, of which the first ones are
   * missing; null if nothing is.
   */
  private @Nullable String headerFault(ByteBuf in, int missing) {
    int end = Math.min(header.length, missing + in.readableBytes());
    for (int i = missing; i < end; i++) {
      byte value = in.getByte(in.readerIndex() + i - missing);
      if (value != header[i]) {
        return "header: 0x%02x at byte %d (expected: 0x%02x)".formatted(value, i, header[i]);
      }
    }
    return null;
  }

  @Override
  public void pack(ByteBuf message, ByteBuf out) {
    if (field.onlyInbound()) {
      throw new IllegalArgumentException(
          "message: outbound (expected: none, since the length field is inboundOnly())");
    }
    if (!stripsTheField) {
      checkFrame(message);
    }
    out.writeBytes(header, 0, strippedHeader);
    if (stripsTheField) {
      packLength(strip + message.readableBytes() - uncountedBytes, out);
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

  /** Checks that a message is a frame, without the stripped bytes, that tells its own length. */
  private void checkFrame(ByteBuf message) {
    int bytes = message.readableBytes();
    if (bytes < headerBytes - strip) {
      throw new IllegalArgumentException(
          "message: " + bytes + " bytes (expected: >= " + (headerBytes - strip) + ")");
    }
    String fault = headerFault(message, strip);
    if (fault != null) {
      throw new IllegalArgumentException(fault);
    }
    long length = read(message, message.readerIndex() + offset - strip);
    long expected = strip + bytes - uncountedBytes;
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
