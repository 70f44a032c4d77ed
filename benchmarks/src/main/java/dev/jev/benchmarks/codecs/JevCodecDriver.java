package dev.jev.benchmarks.codecs;

import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.test.TestContext;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.ReferenceCountUtil;
import java.util.function.Consumer;

/**
 * A protocol, driven as a connection does: messages are unpacked, handled and released one at a
 * time. Outbound messages are packed into one buffer, and a long tail is written behind it without
 * a copy.
 */
@SuppressWarnings("FutureReturnValueIgnored") // A failed write is noticed: its bytes are missing.
final class JevCodecDriver<I, O> implements CodecDriver {

  /** The default limit of a server. */
  static final int MAX_FRAME_BYTES = 1 << 20;

  /** Minimum size of a tail that is written without a copy, as in toolkit-core. */
  private static final int MIN_TAIL_BYTES = 4 * 1024;

  private static final int PACK_BYTES = 64 * 1024;

  private final ProtocolContext context = new TestContext().maxFrameBytes(MAX_FRAME_BYTES);
  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final ByteBuf packing = PooledByteBufAllocator.DEFAULT.directBuffer(PACK_BYTES);
  private final Protocol<I, O> protocol;
  private final O message;

  JevCodecDriver(Protocol<I, O> protocol, O message) {
    this.protocol = protocol;
    this.message = message;
    protocol.open(context);
  }

  @Override
  public void read(ByteBuf bytes, Consumer<Object> handler) {
    while (bytes.isReadable() || protocol.pendingMessages() > 0) {
      I read = protocol.unpack(context, bytes);
      if (read == null) {
        throw new IllegalStateException("message: null (expected: whole messages)");
      }
      handler.accept(read);
      ReferenceCountUtil.release(read);
    }
    bytes.release();
  }

  @Override
  public void send(int times, Consumer<Object> socket) {
    packing.clear();
    for (int i = 0; i < times; i++) {
      protocol.pack(message, packing);
      ByteBuf tail = protocol.zeroCopyTail(message);
      if (tail != null) {
        write(tail);
      }
    }
    writePacked();
    channel.flush();
    NettyCodecDriver.takeWritten(channel, socket);
  }

  private void write(ByteBuf tail) {
    int length = tail.readableBytes();
    if (length < MIN_TAIL_BYTES) {
      packing.writeBytes(tail, tail.readerIndex(), length);
    } else {
      writePacked();
      channel.write(tail.retainedSlice());
    }
  }

  private void writePacked() {
    if (packing.isReadable()) {
      channel.write(packing.readRetainedSlice(packing.readableBytes()));
    }
  }

  @Override
  public void close() {
    channel.finishAndReleaseAll();
    packing.release();
    ReferenceCountUtil.release(message);
  }
}
