package dev.jev.codec;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.jspecify.annotations.Nullable;
import org.msgpack.core.MessagePack;
import org.msgpack.core.MessagePacker;
import org.msgpack.core.MessageUnpacker;
import org.msgpack.value.Value;

/** A protocol of consecutive MessagePack values, which are self-delimiting. */
final class MessagePackProtocol implements Protocol<Value, Value> {

  /** A configuration whose buffer fits a small message, instead of 8 KiB per message. */
  private static final MessagePack.PackerConfig PACKER =
      new MessagePack.PackerConfig().withBufferSize(256);

  private final MessagePackFrames frames = new MessagePackFrames();

  @Override
  public @Nullable Value unpack(ProtocolContext context, ByteBuf in) {
    int length = frames.find(in, context.maxFrameBytes());
    if (length < 0) {
      return null;
    }
    // A copy, since msgpack-core reads direct buffers only if the JVM opens java.nio to it.
    byte[] bytes = Scratch.copy(in, in.readerIndex(), length);
    in.skipBytes(length);
    try (MessageUnpacker unpacker = MessagePack.newDefaultUnpacker(bytes, 0, length)) {
      return unpacker.unpackValue();
    } catch (IOException | RuntimeException e) { // RuntimeException: invalid timestamp
      throw new ProtocolException(
          "message: " + length + " bytes that do not parse (expected: MessagePack values)", e);
    }
  }

  @Override
  public void pack(Value message, ByteBuf out) {
    try (MessagePacker packer = PACKER.newPacker(new ByteBufOutputStream(out))) {
      packer.packValue(message);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public Object encodingKey() {
    return MessagePackProtocol.class;
  }
}
