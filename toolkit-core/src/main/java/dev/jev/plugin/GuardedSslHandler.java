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
 * Netty's {@link SslHandler}, with a check of each record before the engine reads it.
 *
 * <p>The handler refuses two things that engines accept. The first is a record that is longer than
 * the standard allows: an engine buffers its beginning until the end arrives. The second is another
 * handshake, with which a client costs a server CPU time (CVE-2011-1473).
 *
 * <p>The handler ignores input after a {@code close_notify}. Before a {@code close_notify} it
 * flushes the replies to earlier input, since some engines send nothing afterwards.
 */
final class GuardedSslHandler extends SslHandler {

  /** RFC 5246, 6.2.3: a protected record exceeds the plaintext by at most 2048 bytes. */
  private static final int MAX_RECORD = TlsRecord.MAX_PLAIN_LENGTH + 2048;

  /**
   * Maximum length of a TLS 1.3 record with an alert: level, description, record type, 16 bytes of
   * the cipher, and 16 bytes of padding from the JDK.
   */
  private static final int MAX_HIDDEN_ALERT = 2 + 1 + 16 + 16;

  private boolean refused;

  GuardedSslHandler(SSLEngine engine, Executor taskExecutor) {
    super(engine, taskExecutor);
    setHandshakeTimeoutMillis(0); // that of TlsHandshake covers the ClientHello too
  }

  // Called at the beginning of a record, and again while the record is incomplete.
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
      // In TLS 1.3 every encrypted record has the type of application data (RFC 8446, 5.2).
      if (type == TlsRecord.HANDSHAKE) {
        refuse(ctx, in, "peer began a second handshake; renegotiation is refused");
      } else if (type == TlsRecord.ALERT || (isLast && length <= MAX_HIDDEN_ALERT)) {
        ctx.fireChannelReadComplete(); // flushes the replies
      }
    }
  }

  private void refuse(ChannelHandlerContext ctx, ByteBuf in, String message) {
    refused = true;
    in.skipBytes(in.readableBytes());
    ctx.fireExceptionCaught(new ProtocolException(message));
  }
}
