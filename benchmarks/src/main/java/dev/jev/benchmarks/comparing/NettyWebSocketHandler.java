package dev.jev.benchmarks.comparing;

import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.group.ChannelGroup;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolConfig;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler.HandshakeComplete;
import io.netty.handler.codec.http.websocketx.extensions.WebSocketServerExtensionHandler;
import io.netty.handler.codec.http.websocketx.extensions.compression.PerMessageDeflateServerExtensionHandshaker;

/**
 * Echoes what it reads and flushes once per read batch. Subscribes every connection to the
 * broadcast.
 */
@SuppressWarnings("FutureReturnValueIgnored") // A failed write closes the connection.
@Sharable
final class NettyWebSocketHandler extends SimpleChannelInboundHandler<WebSocketFrame> {

  private static final int MAX_HTTP_BYTES = 64 * 1024;
  private static final int COMPRESSION_LEVEL = 6; // Netty's default
  private static final int WINDOW_BITS = 15;

  private final WebSocketServerProtocolConfig config;
  private final ChannelGroup subscribers;
  private final boolean compression;

  NettyWebSocketHandler(WebSocketOptions options, ChannelGroup subscribers) {
    this.config =
        WebSocketServerProtocolConfig.newBuilder()
            .websocketPath("/")
            .checkStartsWith(true)
            .allowExtensions(options.compression)
            .maxFramePayloadLength(options.maxMessageBytes)
            .build();
    this.compression = options.compression;
    this.subscribers = subscribers;
  }

  void addTo(ChannelPipeline pipeline) {
    pipeline.addLast(new HttpServerCodec(), new HttpObjectAggregator(MAX_HTTP_BYTES));
    if (compression) {
      pipeline.addLast(new WebSocketServerExtensionHandler(handshaker()));
    }
    pipeline.addLast(new WebSocketServerProtocolHandler(config), this);
  }

  /**
   * Returns the handshaker of WebSocketServerCompressionHandler, except that it allows and prefers
   * no context takeover.
   */
  private static PerMessageDeflateServerExtensionHandshaker handshaker() {
    return new PerMessageDeflateServerExtensionHandshaker(
        COMPRESSION_LEVEL,
        /* allowServerWindowSize= */ false,
        WINDOW_BITS,
        /* allowServerNoContext= */ true,
        /* preferredClientNoContext= */ true,
        /* maxAllocation= */ 0);
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) throws Exception {
    if (event instanceof HandshakeComplete) {
      subscribers.add(context.channel());
    }
    super.userEventTriggered(context, event);
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, WebSocketFrame frame) {
    context.write(frame.retain());
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    context.flush();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    context.close();
  }
}
