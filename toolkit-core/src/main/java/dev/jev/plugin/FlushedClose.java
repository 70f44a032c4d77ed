package dev.jev.plugin;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.uring.IoUringDomainSocketChannel;
import io.netty.channel.uring.IoUringSocketChannel;

/**
 * Closes a socket of io_uring when it has taken what was written before, such as an alert of TLS.
 * Netty's handler for TLS closes the socket right behind its alert, and io_uring writes later.
 */
@Sharable
final class FlushedClose extends ChannelOutboundHandlerAdapter {

  static final FlushedClose INSTANCE = new FlushedClose();

  private FlushedClose() {}

  static boolean isNeeded(Channel channel) {
    return channel instanceof IoUringSocketChannel || channel instanceof IoUringDomainSocketChannel;
  }

  @Override
  public void close(ChannelHandlerContext ctx, ChannelPromise promise) {
    ChannelOutboundBuffer unwritten = ctx.channel().unsafe().outboundBuffer();
    if (unwritten == null || unwritten.isEmpty()) {
      ctx.close(promise);
    } else {
      ctx.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(done -> ctx.close(promise));
    }
  }
}
