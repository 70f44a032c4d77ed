package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason;
import dev.jev.CloseReason.Kind;
import dev.jev.Plugin;
import dev.jev.ProtocolException;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.ssl.SniCompletionEvent;
import io.netty.handler.ssl.SslCloseCompletionEvent;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.handler.ssl.SslProvider;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
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
 * Stands between Netty's TLS and the connection, and tells the connection what it has to know: that
 * the handshake is over, who the peer is, and how the connection ends.
 *
 * <p><b>Ends.</b> A peer ends its output with a {@code close_notify}; a FIN without one may come
 * from anybody on the way and cut off what the peer had to say (RFC 8446, 6.1). So the former
 * becomes the end of the input, the latter an error. What we end is ended with a {@code
 * close_notify} as well.
 *
 * <p><b>Errors.</b> When a handshake fails Netty says so first and writes the alert afterwards,
 * then closes the channel by itself. So the reason is set in a task of its own, which runs in
 * between.
 */
final class TlsHandshake extends ChannelDuplexHandler implements Plugin.Observer {

  private final TlsOptions options;
  private final TlsContexts contexts;
  private final Plugin.Link link;

  // Event loop only.
  private @Nullable ChannelHandlerContext context;
  private @Nullable Future<?> timeout;
  private @Nullable String serverName;
  private boolean done; // well or not
  private boolean failed;
  private boolean delivered; // something, in this batch of reads
  private boolean inputEnded;

  TlsHandshake(TlsOptions options, TlsContexts contexts, Plugin.Link link) {
    this.options = options;
    this.contexts = contexts;
    this.link = link;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    context = ctx;
  }

  /** Begins; the connection is told when it is over. */
  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    timeout =
        ctx.executor()
            .schedule(this::expire, options.handshakeTimeout().toNanos(), TimeUnit.NANOSECONDS);
    ctx.pipeline().addBefore(ctx.name(), null, newFirstHandler(ctx));
  }

  /** Who reads first what the peer sends. */
  private ChannelHandler newFirstHandler(ChannelHandlerContext ctx) {
    if (options.client()) {
      return newClient(ctx);
    }
    return options.optional() ? new TlsOrPlain(contexts) : new ClientHelloReader(contexts);
  }

  private SslHandler newClient(ChannelHandlerContext ctx) {
    SocketAddress peer = ctx.channel().remoteAddress();
    serverName = options.serverName();
    if (serverName == null && peer instanceof InetSocketAddress address) {
      serverName = address.getHostString();
    }
    int port = peer instanceof InetSocketAddress address ? address.getPort() : -1;
    return contexts.newHandler(ctx.alloc(), serverName, port);
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
    } else if (event instanceof SniCompletionEvent named) {
      serverName = named.hostname();
    } else if (event instanceof SslHandshakeCompletionEvent handshake) {
      complete(ctx, handshake.cause());
    } else if (event instanceof SslCloseCompletionEvent closed) {
      if (closed.isSuccess()) {
        inputEnded = true;
        ctx.fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
      }
    } else if (event instanceof ChannelInputShutdownEvent) {
      if (!inputEnded) {
        finish();
        link.close(new CloseReason(Kind.IO_ERROR, new TruncatedException()));
      }
      ctx.fireUserEventTriggered(event);
    } else {
      ctx.fireUserEventTriggered(event);
    }
  }

  /** The peer does not encrypt, and need not: goes out of its way. */
  private void continueInPlaintext(ChannelHandlerContext ctx) {
    finish();
    ctx.fireChannelActive();
    ctx.pipeline().remove(this);
  }

  private void complete(ChannelHandlerContext ctx, @Nullable Throwable failure) {
    if (failure instanceof SSLException || failure instanceof DecoderException) {
      finish();
      failed = true;
      ctx.executor().execute(() -> link.close(reason(failure)));
    } else if (failure == null && !done) { // any other failure is that the channel is closed
      finish();
      link.connection()
          .attribute(
              TlsSession.class, session(requireNonNull(ctx.pipeline().get(SslHandler.class))));
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
    ctx.fireChannelRead(message);
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    if (!delivered && done && options.provider() != SslProvider.JDK) {
      ctx.flush(); // BoringSSL's engine tells what is wrong with a record when it writes next
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
    ProtocolException exception =
        cause instanceof ProtocolException protocolException
            ? protocolException
            : new ProtocolException("TLS: " + root(cause).getMessage(), cause);
    return new CloseReason(Kind.PROTOCOL_ERROR, exception);
  }

  /** What engines throw wraps what says something. */
  private static Throwable root(Throwable thrown) {
    Throwable root = thrown;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root;
  }

  @Override
  public void closed(CloseReason reason) {
    finish();
  }

  private void finish() {
    done = true;
    if (timeout != null) {
      timeout.cancel(false);
    }
  }

  /**
   * Writes, and drops what can reach the peer no more: TLS 1.2 has us close when the peer does,
   * whatever is pending (RFC 5246, 7.2.1), and most engines do so in TLS 1.3 too.
   */
  @Override
  public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
    if (inputEnded) {
      ctx.write(message).addListener(done -> promise.trySuccess());
    } else {
      ctx.write(message, promise);
    }
  }

  /** Lets a {@code close_notify} be the last of the output. */
  @Override
  public @Nullable ChannelFuture ending() {
    SslHandler handler = requireNonNull(context).pipeline().get(SslHandler.class);
    return handler == null ? null : handler.closeOutbound();
  }

  /** A FIN without a {@code close_notify} before it. */
  private static final class TruncatedException extends SSLException {
    private static final long serialVersionUID = 1L;

    TruncatedException() {
      super("peer ended its output without close_notify; the input may be truncated");
    }

    /** Costs too much for what any peer can do. */
    @Override
    public synchronized Throwable fillInStackTrace() {
      return this;
    }
  }
}
