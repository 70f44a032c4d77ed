package dev.jev.samples;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * Strings in UTF-8, in frames that cannot be mistaken for those of another protocol: a magic number
 * (2 bytes), a version (1), the payload's length (4), the payload, and its CRC-32 (4).
 */
final class MagicNumberProtocol implements Protocol<String, String> {

  private static final int MAGIC = 0x4A56;
  private static final int VERSION = 1;
  private static final int HEADER_BYTES = 7;
  private static final int CHECKSUM_BYTES = 4;

  @Override
  public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
    int start = in.readerIndex();
    if (in.readableBytes() < HEADER_BYTES) {
      return null;
    }
    check("magic number", in.getUnsignedShort(start), MAGIC);
    check("version", in.getUnsignedByte(start + 2), VERSION);
    long frameBytes = HEADER_BYTES + in.getUnsignedInt(start + 3) + CHECKSUM_BYTES;
    if (frameBytes > context.maxFrameBytes()) {
      throw new ProtocolException(
          "frame: " + frameBytes + " bytes (expected: <= " + context.maxFrameBytes() + ")");
    }
    if (in.readableBytes() < frameBytes) {
      return null;
    }
    ByteBuf payload = in.skipBytes(HEADER_BYTES).readSlice(in.getInt(start + 3));
    check("checksum", in.readInt(), checksum(payload));
    return payload.toString(UTF_8);
  }

  private static void check(String what, int actual, int expected) {
    if (actual != expected) {
      throw new ProtocolException("%s: %x (expected: %x)".formatted(what, actual, expected));
    }
  }

  private static int checksum(ByteBuf payload) {
    CRC32 crc = new CRC32();
    crc.update(payload.nioBuffer());
    return (int) crc.getValue();
  }

  @Override
  public void pack(String message, ByteBuf out) {
    int start = out.writerIndex();
    out.writeShort(MAGIC).writeByte(VERSION).writeInt(0);
    int length = out.writeCharSequence(message, UTF_8);
    out.setInt(start + 3, length);
    out.writeInt(checksum(out.slice(start + HEADER_BYTES, length)));
  }
}
