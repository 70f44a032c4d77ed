package dev.jev.plugin;

import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.ssl.SslHandler;
import java.util.List;
import java.util.concurrent.Executor;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;

/**
 * Netty's handler, which looks at each record before the engine does.
 *
 * <p>It refuses what the engines do not: records longer than the standard allows, whose beginning
 * would be kept until their end, and a second handshake, with which a client makes a server work
 * (CVE-2011-1473). It ignores what follows a {@code close_notify}. And before one, it lets out the
 * answers to what came in front of it: some engines send nothing any more afterwards.
 */
final class GuardedSslHandler extends SslHandler {

  /** RFC 5246, 6.2.3: a protected record exceeds the plain one by at most 2048 bytes. */
  private static final int MAX_RECORD = TlsRecord.MAX_PLAIN_LENGTH + 2048;

  /**
   * A record of TLS 1.3 with an alert: level, description, the type of the record, 16 bytes of the
   * cipher, and 16 bytes of padding from the JDK.
   */
  private static final int MAX_HIDDEN_ALERT = 2 + 1 + 16 + 16;

  private boolean refused;

  GuardedSslHandler(SSLEngine engine, Executor taskExecutor) {
    super(engine, taskExecutor);
    setHandshakeTimeoutMillis(0); // ours covers the ClientHello too
  }

  // Called with the beginning of a record, again if it was not complete.
  @Override
  protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out)
      throws SSLException {
    if (refused || sslCloseFuture().isSuccess()) {
      in.skipBytes(in.readableBytes());
      return;
    }
    if (in.readableBytes() >= TlsRecord.HEADER) {
      check(ctx, in);
    }
    if (!refused) {
      super.decode(ctx, in, out);
    }
  }

  private void check(ChannelHandlerContext ctx, ByteBuf in) {
    int type = TlsRecord.type(in);
    int length = TlsRecord.length(in);
    if (type < TlsRecord.FIRST_TYPE || type > TlsRecord.LAST_TYPE) {
      refuse(ctx, in, "record type: " + type + " (expected: 20..23)");
    } else if (TlsRecord.majorVersion(in) != 3) {
      String version = TlsRecord.majorVersion(in) + " (expected: 3)";
      refuse(ctx, in, "major record version: " + version);
    } else if (length > MAX_RECORD) {
      refuse(ctx, in, "record length: " + length + " bytes (expected: <= " + MAX_RECORD + ")");
    } else if (handshakeFuture().isSuccess()) {
      boolean isLast = in.readableBytes() == TlsRecord.HEADER + length;
      // In TLS 1.3 what comes after the handshake looks like data.
      if (type == TlsRecord.HANDSHAKE) {
        refuse(ctx, in, "peer began a second handshake; renegotiation is refused");
      } else if (type == TlsRecord.ALERT || (isLast && length <= MAX_HIDDEN_ALERT)) {
        ctx.fireChannelReadComplete(); // which flushes
      }
    }
  }

  private void refuse(ChannelHandlerContext ctx, ByteBuf in, String message) {
    refused = true;
    in.skipBytes(in.readableBytes());
    ctx.fireExceptionCaught(new ProtocolException(message));
  }
}
