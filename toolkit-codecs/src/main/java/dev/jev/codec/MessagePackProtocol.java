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

/** MessagePack values one after the other, which tell themselves where they end. */
final class MessagePackProtocol implements Protocol<Value, Value> {

  /** With a buffer of a small message's size, instead of 8 KiB for each. */
  private static final MessagePack.PackerConfig PACKER =
      new MessagePack.PackerConfig().withBufferSize(256);

  private final MessagePackFrames frames = new MessagePackFrames();

  @Override
  public @Nullable Value unpack(ProtocolContext context, ByteBuf in) {
    int length = frames.find(in, context.maxFrameBytes());
    if (length < 0) {
      return null;
    }
    // A copy: to read a direct buffer would need the JVM to open java.nio to msgpack-core.
    byte[] bytes = Scratch.copy(in, in.readerIndex(), length);
    in.skipBytes(length);
    try (MessageUnpacker unpacker = MessagePack.newDefaultUnpacker(bytes, 0, length)) {
      return unpacker.unpackValue();
    } catch (IOException | RuntimeException e) { // of a timestamp, which is more than its format
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
