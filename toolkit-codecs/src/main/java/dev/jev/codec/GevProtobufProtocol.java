package dev.jev.codec;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.Message;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import org.jspecify.annotations.Nullable;

/**
 * A protocol of messages of several types in the envelope of gev's protobuf plugin. All numbers are
 * big-endian:
 *
 * <pre>
 *   0       4             6             6 + n
 *   | total | type length | type        | message            |
 *   | u32   | u16 = n     | n bytes     | total - 2 - n bytes |
 * </pre>
 *
 * <p>The total does not include its own four bytes.
 */
final class GevProtobufProtocol implements Protocol<Message, Message> {

  private static final int TOTAL_BYTES = 4;
  private static final int TYPE_LENGTH_BYTES = 2;

  private final ProtobufTypes types;
  private final EncodingKey encodingKey;

  GevProtobufProtocol(ProtobufTypes types) {
    this.types = types;
    this.encodingKey = new EncodingKey(GevProtobufProtocol.class, types);
  }

  @Override
  public @Nullable Message unpack(ProtocolContext context, ByteBuf in) {
    if (in.readableBytes() < TOTAL_BYTES) {
      return null;
    }
    long total = in.getUnsignedInt(in.readerIndex());
    long frameBytes = TOTAL_BYTES + total;
    if (frameBytes > context.maxFrameBytes()) {
      throw new ProtocolException(
          "frame: " + frameBytes + " bytes (expected: <= " + context.maxFrameBytes() + ")");
    }
    if (total < TYPE_LENGTH_BYTES) {
      throw new ProtocolException("total: " + total + " bytes (expected: >= 2)");
    }
    if (in.readableBytes() < TOTAL_BYTES + TYPE_LENGTH_BYTES) {
      return null;
    }
    int typeBytes = in.getUnsignedShort(in.readerIndex() + TOTAL_BYTES);
    int dataBytes = (int) total - TYPE_LENGTH_BYTES - typeBytes;
    if (dataBytes < 0) {
      throw new ProtocolException(
          "type length: " + typeBytes + " bytes (expected: <= " + (total - 2) + ")");
    }
    if (in.readableBytes() < frameBytes) {
      return null;
    }
    in.skipBytes(TOTAL_BYTES + TYPE_LENGTH_BYTES);
    String name = in.readCharSequence(typeBytes, UTF_8).toString();
    return ProtobufBytes.parse(types.named(name).parser(), in.readSlice(dataBytes));
  }

  @Override
  public void pack(Message message, ByteBuf out) {
    String name = types.typeOf(message).name();
    int typeBytes = ByteBufUtil.utf8Bytes(name);
    int dataBytes = message.getSerializedSize();
    out.writeInt(TYPE_LENGTH_BYTES + typeBytes + dataBytes).writeShort(typeBytes);
    out.writeCharSequence(name, UTF_8);
    ProtobufBytes.write(message::writeTo, dataBytes, out);
  }

  @Override
  public Object encodingKey() {
    return encodingKey;
  }
}
