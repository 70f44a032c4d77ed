package dev.jev.benchmarks.torturing;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.codec.Protocols;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * Length-prefixed frames after a handshake that a peer can prolong.
 *
 * <p>The handshake is a line that begins with H. A peer whose first byte is a different one has no
 * handshake to complete.
 */
final class TortureProtocol implements Protocol<ByteBuf, ByteBuf> {

  private final Protocol<ByteBuf, ByteBuf> frames = Protocols.lengthPrefixed();

  @Override
  public void open(ProtocolContext context) {
    // Ready after the handshake.
  }

  @Override
  public @Nullable ByteBuf unpack(ProtocolContext context, ByteBuf in) {
    if (context.isReady()) {
      return frames.unpack(context, in);
    }
    if (in.getByte(in.readerIndex()) == 'H') {
      int length = in.bytesBefore((byte) '\n');
      if (length < 0) {
        return null;
      }
      in.skipBytes(length + 1);
    }
    context.ready();
    return null;
  }

  @Override
  public void pack(ByteBuf message, ByteBuf out) {
    frames.pack(message, out);
  }

  @Override
  public @Nullable ByteBuf zeroCopyTail(ByteBuf message) {
    return frames.zeroCopyTail(message);
  }
}
