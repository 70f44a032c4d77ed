package dev.jev.codec;

import dev.jev.codec.NettyCodecProtocol.Deferred;
import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;

/**
 * A handler before each handler of a pipeline that defers the output of that handler while messages
 * are pending, before an encoder processes it.
 */
@Sharable
final class NettyCodecGate extends ChannelOutboundHandlerAdapter {

  private final NettyCodecProtocol<?> protocol;

  NettyCodecGate(NettyCodecProtocol<?> protocol) {
    this.protocol = protocol;
  }

  @Override
  public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
    if (protocol.defers()) {
      protocol.defer(
          new Deferred(() -> ctx.write(message, promise), /* closes= */ false, message, promise));
    } else {
      ctx.write(message, promise);
    }
  }

  @Override
  public void flush(ChannelHandlerContext ctx) {
    if (protocol.defers()) {
      protocol.defer(new Deferred(ctx::flush, /* closes= */ false, null, ctx.voidPromise()));
    } else {
      ctx.flush();
    }
  }

  @Override
  public void close(ChannelHandlerContext ctx, ChannelPromise promise) {
    if (protocol.defers()) {
      protocol.defer(new Deferred(() -> ctx.close(promise), /* closes= */ true, null, promise));
    } else {
      ctx.close(promise);
    }
  }
}
