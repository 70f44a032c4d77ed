package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.HostName;
import dev.jev.Plugin;
import dev.jev.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.ChannelOutputShutdownEvent;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.ssl.SniCompletionEvent;
import io.netty.handler.ssl.SslCloseCompletionEvent;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.ClosedChannelException;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/**
 * Reports the state of TLS to the connection: the end of the handshake, the session, and how the
 * connection ends. It stands between Netty's handler and the connection.
 *
 * <p><b>End of the connection.</b> A peer ends its output with a {@code close_notify}. A FIN
 * without one may come from an attacker on the network path and truncate the peer's output (RFC
 * 8446, 6.1). So a {@code close_notify} becomes the end of the input, and a FIN without one becomes
 * an error. This end sends a {@code close_notify} at the end of its output as well.
 *
 * <p><b>Errors.</b> When a handshake fails, Netty first reports the failure, then writes the alert
 * and closes the channel. So the close reason is set in a separate task, which runs in between.
 */
final class TlsHandshake extends ChannelDuplexHandler implements Plugin.Observer {

  private final TlsOptions options;
  private final TlsContexts contexts;
  private final Plugin.Link link;
  private final HandshakeOutcomes outcomes;

  // Event loop only.
  private @Nullable ChannelHandlerContext context;
  private @Nullable GuardedSslHandler records; // after the handshake
  private @Nullable Future<?> timeout;
  private @Nullable String serverName;
  private boolean done; // successful or not
  private boolean accepted; // with TLS, or without if that is optional
  private boolean failed;
  private boolean delivered; // true if this batch of reads has delivered data
  private boolean inputEnded;

  TlsHandshake(
      TlsOptions options, TlsContexts contexts, Plugin.Link link, HandshakeOutcomes outcomes) {
    this.options = options;
    this.contexts = contexts;
    this.link = link;
    this.outcomes = outcomes;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    context = ctx;
  }

  /** Begins the handshake. The event is passed on when the handshake has completed. */
  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    timeout =
        ctx.executor()
            .schedule(this::expire, options.handshakeTimeout().toNanos(), TimeUnit.NANOSECONDS);
    if (FlushedClose.isNeeded(ctx.channel())) {
      ctx.pipeline().addBefore(ctx.name(), null, FlushedClose.INSTANCE);
    }
    ctx.pipeline().addBefore(ctx.name(), null, newFirstHandler(ctx));
  }

  /** Returns the handler that is the first to read what the peer sends. */
  private ChannelHandler newFirstHandler(ChannelHandlerContext ctx) {
    if (options.client()) {
      return newClient(ctx);
    }
    return options.optional() ? new TlsOrPlain(contexts) : new ClientHelloReader(contexts);
  }

  private SslHandler newClient(ChannelHandlerContext ctx) {
    SocketAddress peer = ctx.channel().remoteAddress();
    HostName host = options.serverName();
    if (host == null && peer instanceof InetSocketAddress address) {
      host = HostName.of(address.getHostString());
    }
    if (host != null && ServerName.isRequested(host, options)) {
      serverName = host.name();
    }
    int port = peer instanceof InetSocketAddress address ? address.getPort() : -1;
    return contexts.newHandler(host, port);
  }

  private void expire() {
    if (!done) {
      done = true;
      link.close(CloseReason.of(Kind.TIMEOUT));
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event == TlsOrPlain.PLAINTEXT) {
      continueInPlaintext(ctx);
    } else if (event == GuardedSslHandler.PEER_CLOSED) {
      finish();
      link.close(CloseReason.of(Kind.PEER_CLOSED));
    } else if (event == GuardedSslHandler.INPUT_WAITS) {
      link.pauseReading();
    } else if (event == GuardedSslHandler.INPUT_CONTINUES) {
      link.resumeReading();
    } else if (event instanceof SniCompletionEvent named) {
      serverName = named.hostname();
    } else if (event instanceof SslHandshakeCompletionEvent handshake) {
      complete(ctx, handshake.cause());
    } else if (event == GuardedSslHandler.INPUT_ENDED) {
      inputEnded = true;
      if (!canWriteAfterPeerEnd(ctx)) {
        ctx.fireUserEventTriggered(ChannelOutputShutdownEvent.INSTANCE);
      }
      ctx.fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
    } else if (event instanceof ChannelInputShutdownEvent) {
      if (!inputEnded) {
        finish();
        link.close(new CloseReason(Kind.IO_ERROR, new TruncatedException()));
      }
      ctx.fireUserEventTriggered(event);
    } else if (!(event instanceof SslCloseCompletionEvent)) {
      ctx.fireUserEventTriggered(event);
    }
  }

  /** Continues without TLS, and removes this handler. */
  private void continueInPlaintext(ChannelHandlerContext ctx) {
    finish();
    accepted = true;
    ctx.fireChannelActive();
    if (FlushedClose.isNeeded(ctx.channel())) {
      ctx.pipeline().remove(FlushedClose.INSTANCE);
    }
    ctx.pipeline().remove(this);
  }

  private void complete(ChannelHandlerContext ctx, @Nullable Throwable failure) {
    if (failure instanceof SSLException || failure instanceof DecoderException) {
      finish();
      failed = true;
      ctx.executor().execute(() -> link.close(reason(failure)));
    } else if (failure == null && !done) { // any other failure means that the channel is closed
      finish();
      accepted = true;
      outcomes.completed();
      records = requireNonNull(ctx.pipeline().get(GuardedSslHandler.class));
      link.connection().attribute(TlsSession.class, session(records));
      ctx.fireChannelActive();
    }
  }

  private TlsSession session(SslHandler handler) {
    SSLSession session = handler.engine().getSession();
    return new TlsSession(
        session.getProtocol(),
        session.getCipherSuite(),
        serverName,
        handler.applicationProtocol(),
        certificates(session));
  }

  private static List<X509Certificate> certificates(SSLSession session) {
    try {
      return Stream.of(session.getPeerCertificates()).map(X509Certificate.class::cast).toList();
    } catch (SSLPeerUnverifiedException e) {
      return List.of();
    }
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    delivered = true;
    if (records != null) {
      records.delivered(((ByteBuf) message).readableBytes());
    }
    ctx.fireChannelRead(message);
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    if (!delivered && done && options.sslProvider() != SslProvider.JDK) {
      ctx.flush(); // BoringSSL's engine reports a malformed record at its next write
    }
    delivered = false;
    ctx.fireChannelReadComplete();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable thrown) {
    Throwable cause =
        thrown instanceof DecoderException && thrown.getCause() != null
            ? thrown.getCause()
            : thrown;
    if (cause instanceof ProtocolException || cause instanceof SSLException) {
      finish();
      link.close(reason(cause));
    } else if (!failed) {
      ctx.fireExceptionCaught(thrown);
    }
  }

  private static CloseReason reason(Throwable cause) {
    if (root(cause) instanceof IOException failure && !(failure instanceof SSLException)) {
      return new CloseReason(Kind.IO_ERROR, failure); // a write failed: the peer has left
    }
    ProtocolException exception =
        cause instanceof ProtocolException protocolException
            ? protocolException
            : new ProtocolException("TLS: " + root(cause), cause);
    return new CloseReason(Kind.PROTOCOL_ERROR, exception);
  }

  /** Returns the innermost cause, which has the useful message in exceptions of engines. */
  private static Throwable root(Throwable thrown) {
    Throwable root = thrown;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root;
  }

  @Override
  public long bufferedBytes() {
    TlsInput input = requireNonNull(context).pipeline().get(TlsInput.class);
    return input == null ? 0 : input.bufferedBytes();
  }

  @Override
  public void closed(CloseReason reason) {
    finish();
    boolean begun = timeout != null; // an earlier plugin may have refused the client
    if (begun && !accepted) {
      outcomes.failed(link.connection().remoteAddress(), reason);
    }
  }

  private void finish() {
    done = true;
    if (timeout != null) {
      timeout.cancel(false);
    }
  }

  /**
   * Writes. Once the peer has ended its output, a failure is that of a closed channel, which does
   * not end the connection before its input is handled: TLS 1.2 requires this end to close when the
   * peer does, whatever is pending (RFC 5246, 7.2.1), and in TLS 1.3 the peer may have left.
   */
  @Override
  public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
    if (inputEnded) {
      ctx.write(message).addListener(done -> complete(promise, done.cause()));
    } else {
      ctx.write(message, promise);
    }
  }

  private static boolean canWriteAfterPeerEnd(ChannelHandlerContext ctx) {
    SslHandler handler = ctx.pipeline().get(GuardedSslHandler.class);
    return handler != null && handler.engine().getSession().getProtocol().equals("TLSv1.3");
  }

  private static void complete(ChannelPromise promise, @Nullable Throwable failure) {
    if (failure == null) {
      promise.trySuccess();
    } else {
      promise.tryFailure(new ClosedChannelException().initCause(failure));
    }
  }

  /** Sends a {@code close_notify} as the last output. */
  @Override
  public @Nullable ChannelFuture ending() {
    GuardedSslHandler handler = requireNonNull(context).pipeline().get(GuardedSslHandler.class);
    return handler == null ? null : handler.end();
  }

  /** A FIN without a preceding {@code close_notify}. */
  private static final class TruncatedException extends SSLException {
    private static final long serialVersionUID = 1L;

    TruncatedException() {
      super("peer ended its output without close_notify; the input may be truncated");
    }

    @Override
    @SuppressWarnings("OverrideThrowableToString") // users know only the public class
    public String toString() {
      return SSLException.class.getName() + ": " + getMessage();
    }

    /** Omits the stack trace, which is too expensive for an error that any peer can cause. */
    @Override
    public synchronized Throwable fillInStackTrace() {
      return this;
    }
  }
}
