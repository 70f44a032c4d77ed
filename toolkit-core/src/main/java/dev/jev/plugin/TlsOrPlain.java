package dev.jev.plugin;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import java.util.List;

/**
 * Decides by the first two bytes whether a client begins with TLS, and then replaces or removes
 * itself.
 */
final class TlsOrPlain extends ByteToMessageDecoder implements TlsInput {

  /** The event that reports a client without TLS. */
  static final Object PLAINTEXT = new Object();

  private final TlsContexts contexts;

  TlsOrPlain(TlsContexts contexts) {
    this.contexts = contexts;
  }

  @Override
  public long bufferedBytes() {
    return internalBuffer().capacity();
  }

  @Override
  protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) {
    if (TlsRecord.type(in) == TlsRecord.HANDSHAKE) {
      if (in.readableBytes() < 2) {
        return;
      }
      if (TlsRecord.majorVersion(in) == 3) {
        ctx.pipeline().replace(this, null, new ClientHelloReader(contexts));
        return;
      }
    }
    ctx.fireUserEventTriggered(PLAINTEXT);
    ctx.pipeline().remove(this); // passes on the bytes that were read
  }
}
