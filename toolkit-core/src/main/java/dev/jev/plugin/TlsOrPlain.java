package dev.jev.plugin;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import java.util.List;

/** Tells by the first two bytes whether a client begins with TLS, and gives way to what follows. */
final class TlsOrPlain extends ByteToMessageDecoder {

  private final TlsHandshake handshake;
  private final TlsContexts contexts;

  TlsOrPlain(TlsHandshake handshake, TlsContexts contexts) {
    this.handshake = handshake;
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
    handshake.continueInPlaintext();
    ctx.pipeline().remove(this); // which passes on what has been read
  }
}
