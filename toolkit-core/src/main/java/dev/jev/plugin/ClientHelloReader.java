package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.ssl.AbstractSniHandler;
import io.netty.handler.ssl.JdkSslContext;
import io.netty.handler.ssl.SslContext;
import io.netty.util.concurrent.Future;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads the ClientHello of a client and chooses the certificate by the server name in it (SNI, RFC
 * 6066, 3).
 *
 * <p>Input that is not a ClientHello is refused with an alert, before much of it is buffered. The
 * reader then replaces itself with a {@link GuardedSslHandler}, which gets the same bytes again.
 */
final class ClientHelloReader extends AbstractSniHandler<SslContext> implements TlsInput {

  /** Maximum length of the ClientHello, in bytes. */
  static final int MAX_LENGTH = 16 * 1024;

  /** Maximum total length of the records with the ClientHello, in bytes, however small they are. */
  private static final int MAX_RECORDS_LENGTH = 24 * 1024;

  private static final int CLIENT_HELLO = 1;

  private final TlsContexts contexts;
  private boolean refused;

  ClientHelloReader(TlsContexts contexts) {
    super(MAX_LENGTH, /* handshakeTimeoutMillis= */ 0);
    this.contexts = contexts;
  }

  /** Returns the capacity of the buffer; Netty's handler copies the content of whole records. */
  @Override
  public long bufferedBytes() {
    return (long) internalBuffer().capacity() + actualReadableBytes();
  }

  @Override
  protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) throws Exception {
    if (!refused) {
      check(ctx, in);
    }
    if (!refused) {
      super.decode(ctx, in, out);
    }
    if (!refused && !ctx.isRemoved() && in.readableBytes() > MAX_RECORDS_LENGTH) {
      String bytes = in.readableBytes() + " bytes (expected: <= " + MAX_RECORDS_LENGTH + ")";
      refuse(ctx, TlsRecord.ILLEGAL_PARAMETER, "ClientHello records: " + bytes);
    }
    if (refused) {
      in.skipBytes(in.readableBytes());
    }
  }

  /** Checks as much of the first record as has arrived. */
  private void check(ChannelHandlerContext ctx, ByteBuf in) {
    int readable = in.readableBytes();
    if (readable >= 1 && TlsRecord.type(in) != TlsRecord.HANDSHAKE) {
      String type = TlsRecord.type(in) + " (expected: 22, a TLS handshake)";
      refuse(ctx, TlsRecord.UNEXPECTED_MESSAGE, "first byte: " + type);
    } else if (readable >= 2 && TlsRecord.majorVersion(in) != 3) {
      String version = TlsRecord.majorVersion(in) + " (expected: 3)";
      refuse(ctx, TlsRecord.PROTOCOL_VERSION, "major record version: " + version);
    } else if (readable >= TlsRecord.HEADER) {
      checkMessage(ctx, in, TlsRecord.length(in));
    }
  }

  private void checkMessage(ChannelHandlerContext ctx, ByteBuf in, int length) {
    if (length == 0 || length > TlsRecord.MAX_PLAIN_LENGTH) {
      String expected = " bytes (expected: 1.." + TlsRecord.MAX_PLAIN_LENGTH + ")";
      refuse(ctx, TlsRecord.RECORD_OVERFLOW, "record length: " + length + expected);
      return;
    }
    int message = in.readerIndex() + TlsRecord.HEADER;
    int readable = Math.min(in.readableBytes() - TlsRecord.HEADER, length);
    if (readable >= 1 && in.getByte(message) != CLIENT_HELLO) {
      String type = in.getUnsignedByte(message) + " (expected: 1, ClientHello)";
      refuse(ctx, TlsRecord.UNEXPECTED_MESSAGE, "handshake message type: " + type);
    } else if (readable >= 4 && in.getUnsignedMedium(message + 1) > MAX_LENGTH) {
      String bytes = in.getUnsignedMedium(message + 1) + " bytes (expected: <= " + MAX_LENGTH + ")";
      refuse(ctx, TlsRecord.ILLEGAL_PARAMETER, "ClientHello length: " + bytes);
    }
  }

  @Override
  protected Future<SslContext> lookup(ChannelHandlerContext ctx, @Nullable String name) {
    boolean valid = name == null || ServerNames.isName(name);
    SslContext context = valid ? contexts.contextFor(name) : null;
    String expected = "a name with a certificate";
    if (context instanceof JdkSslContext && name != null && ServerName.isUnknownToJdk(name)) {
      context = null;
      expected = "no underscore, which only BoringSSL accepts in TLS";
    }
    if (context != null) {
      return ctx.executor().newSucceededFuture(context);
    }
    String shownName = name == null ? "none" : valid ? name : "not a host name";
    return ctx.executor()
        .newFailedFuture(
            new ProtocolException("server name: " + shownName + " (expected: " + expected + ")"));
  }

  @Override
  protected void onLookupComplete(
      ChannelHandlerContext ctx, @Nullable String name, Future<SslContext> context) {
    Throwable unknown = context.cause();
    if (unknown != null) {
      refuse(ctx, TlsRecord.UNRECOGNIZED_NAME, requireNonNull(unknown.getMessage()));
    } else {
      ctx.pipeline().replace(this, null, contexts.newHandler(context.getNow()));
    }
  }

  /**
   * Sends an alert, and fails the connection when the alert is written, since io_uring writes
   * later.
   */
  private void refuse(ChannelHandlerContext ctx, int alert, String message) {
    refused = true;
    ctx.writeAndFlush(TlsRecord.alert(alert))
        .addListener(done -> ctx.fireExceptionCaught(new ProtocolException(message)));
  }
}
