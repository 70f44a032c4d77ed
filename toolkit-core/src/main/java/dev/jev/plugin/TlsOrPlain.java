package dev.jev.plugin;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import java.util.List;

/** Tells by the first two bytes whether a client begins with TLS, and gives way to what follows. */
final class TlsOrPlain extends ByteToMessageDecoder {

  /** The event that is fired if the client does not begin with TLS. */
  static final Object PLAINTEXT = new Object();

  private final TlsContexts contexts;

  TlsOrPlain(TlsContexts contexts) {
    this.contexts = contexts;
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
    ctx.pipeline().remove(this); // which passes on what has been read
  }
}
