package dev.jev.benchmarks.codecs;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandler;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.ReferenceCountUtil;
import java.util.List;
import java.util.function.Consumer;

/** A pipeline of Netty's handlers, driven as in Netty's own tests. */
@SuppressWarnings("FutureReturnValueIgnored") // A failed write is noticed: its bytes are missing.
final class NettyCodecDriver implements CodecDriver {

  private final EmbeddedChannel channel;
  private final Object message;

  NettyCodecDriver(List<ChannelHandler> handlers, Object message) {
    this.channel = new EmbeddedChannel(handlers.toArray(new ChannelHandler[0]));
    this.message = message;
  }

  @Override
  public void read(ByteBuf bytes, Consumer<Object> handler) {
    channel.writeInbound(bytes);
    for (Object read; (read = channel.readInbound()) != null; ) {
      handler.accept(read);
      ReferenceCountUtil.release(read);
    }
  }

  @Override
  public void send(int times, Consumer<Object> socket) {
    for (int i = 0; i < times; i++) {
      channel.write(ReferenceCountUtil.retain(message));
    }
    channel.flush();
    takeWritten(channel, socket);
  }

  /** Passes everything written to {@code socket} and releases it, as a socket would. */
  static void takeWritten(EmbeddedChannel channel, Consumer<Object> socket) {
    for (Object written; (written = channel.readOutbound()) != null; ) {
      socket.accept(written);
      ReferenceCountUtil.release(written);
    }
  }

  @Override
  public void close() {
    channel.finishAndReleaseAll();
    ReferenceCountUtil.release(message);
  }
}
