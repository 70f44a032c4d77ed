package dev.jev.benchmarks.comparing;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;

/** Answers every request with a greeting and flushes once per read batch. */
@SuppressWarnings("FutureReturnValueIgnored") // A failed write closes the connection.
@Sharable
final class NettyHttpHandler extends SimpleChannelInboundHandler<HttpObject> {

  private static final byte[] BODY = "Hello, World!".getBytes(US_ASCII);

  private final boolean voidPromise;

  NettyHttpHandler(boolean voidPromise) {
    this.voidPromise = voidPromise;
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, HttpObject message) {
    if (!(message instanceof HttpRequest request)) {
      return;
    }
    FullHttpResponse response =
        new DefaultFullHttpResponse(
            request.protocolVersion(), HttpResponseStatus.OK, Unpooled.wrappedBuffer(BODY));
    response
        .headers()
        .set(HttpHeaderNames.CONTENT_TYPE, HttpHeaderValues.TEXT_PLAIN)
        .setInt(HttpHeaderNames.CONTENT_LENGTH, BODY.length);
    boolean keep = HttpUtil.isKeepAlive(request);
    if (keep) {
      if (!request.protocolVersion().isKeepAliveDefault()) {
        response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.KEEP_ALIVE);
      }
      context.write(response, voidPromise ? context.voidPromise() : context.newPromise());
    } else {
      response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
      ChannelFuture written = context.write(response);
      written.addListener(ChannelFutureListener.CLOSE);
    }
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
