package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import dev.jev.HostName;
import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolConfig.Protocol;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectedListenerFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectorFailureBehavior;
import io.netty.handler.ssl.OpenSslSessionContext;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/** The contexts that were built from the files of a {@link Tls} at one time. */
final class TlsContexts {

  private final TlsFiles files;
  private final ServerNames<SslContext> contexts;
  private final ByteBufAllocator allocator;
  private final Executor taskExecutor;
  private final @Nullable Instant certificateExpiry;

  private TlsContexts(
      TlsFiles files,
      ServerNames<SslContext> contexts,
      ByteBufAllocator allocator,
      Executor taskExecutor,
      @Nullable Instant certificateExpiry) {
    this.files = files;
    this.contexts = contexts;
    this.allocator = allocator;
    this.taskExecutor = taskExecutor;
    this.certificateExpiry = certificateExpiry;
  }

  static TlsContexts of(TlsOptions options, TlsFiles files) {
    Map<TlsIdentity, SslContext> contextsByIdentity = new HashMap<>();
    Instant expiry = null;
    for (TlsIdentity identity : options.allIdentities()) {
      KeyAndChain keyAndChain = identity.load(files);
      contextsByIdentity.put(identity, make(options, files, identity, keyAndChain));
      Instant own = keyAndChain.expiry();
      expiry = expiry == null || own.isBefore(expiry) ? own : expiry;
    }
    boolean anonymous = options.client() && options.identity() == null;
    ServerNames<SslContext> contexts =
        new ServerNames<>(
            anonymous
                ? make(options, files, null, null)
                : contextsByIdentity.get(options.identity()));
    options
        .identities()
        .forEach(
            (name, identity) ->
                contexts.put(name, requireNonNull(contextsByIdentity.get(identity))));
    ByteBufAllocator allocator =
        options.isJdk() ? ByteBufAllocator.DEFAULT : HiddenCloseNotify.ALLOCATOR;
    return new TlsContexts(files, contexts, allocator, options.taskExecutor(), expiry);
  }

  private static SslContext make(
      TlsOptions options,
      TlsFiles files,
      @Nullable TlsIdentity identity,
      @Nullable KeyAndChain keyAndChain) {
    SslContextBuilder builder = options.client() ? client(options) : server(keyAndChain);
    if (options.client() && keyAndChain != null) {
      builder.keyManager(keyAndChain.key(), keyAndChain.chain());
    }
    List<X509Certificate> authorities =
        options.trust() == null ? null : options.trust().load().apply(files);
    if (options.client() && !options.insecure()) {
      builder.trustManager(ServerNameTrust.of(authorities));
    } else if (authorities != null) {
      builder.trustManager(authorities);
    }
    builder
        .sslProvider(options.sslProvider())
        .protocols(options.protocols())
        .clientAuth(options.clientAuth())
        .sessionCacheSize(options.sessionCacheSize())
        .sessionTimeout(options.sessionTimeout().toSeconds());
    if (!options.applicationProtocols().isEmpty()) {
      builder.applicationProtocolConfig(alpn(options));
    }
    return build(builder, identity);
  }

  private static SslContextBuilder server(@Nullable KeyAndChain keyAndChain) {
    return SslContextBuilder.forServer(requireNonNull(keyAndChain).key(), keyAndChain.chain());
  }

  private static SslContextBuilder client(TlsOptions options) {
    SslContextBuilder builder = SslContextBuilder.forClient();
    return options.insecure()
        ? builder
            .trustManager(InsecureTrustManagerFactory.INSTANCE)
            .endpointIdentificationAlgorithm(null)
        : builder.endpointIdentificationAlgorithm("HTTPS"); // RFC 2818, 3.1: the name must match
  }

  /**
   * Returns the configuration of ALPN. The handshake continues without a common protocol, since
   * nothing else is portable.
   */
  private static ApplicationProtocolConfig alpn(TlsOptions options) {
    return new ApplicationProtocolConfig(
        Protocol.ALPN,
        SelectorFailureBehavior.NO_ADVERTISE,
        SelectedListenerFailureBehavior.ACCEPT,
        options.applicationProtocols());
  }

  private static SslContext build(SslContextBuilder builder, @Nullable TlsIdentity identity) {
    try {
      SslContext context = builder.build();
      if (context.isServer() && context.sessionContext() instanceof OpenSslSessionContext tickets) {
        tickets.setTicketKeys(); // BoringSSL creates its own and rotates them every other day
      }
      return context;
    } catch (SSLException e) {
      throw new IllegalArgumentException("certificate in " + identity + ": " + e, e);
    }
  }

  /** Returns whether the contexts were built from files with the same content. */
  boolean isBuiltFrom(TlsFiles others) {
    return files.equalBytes(others);
  }

  /** Returns the time at which the first certificate of the identities expires; null if none. */
  @Nullable Instant certificateExpiry() {
    return certificateExpiry;
  }

  /** Returns the context for a client that requests this name, or null. */
  @Nullable SslContext contextFor(@Nullable String name) {
    return contexts.get(name);
  }

  /** Returns a handler for a client, with the context for the name that it requested. */
  SslHandler newHandler(SslContext context) {
    return new GuardedSslHandler(context.newEngine(allocator), taskExecutor);
  }

  /** Returns a handler that begins a handshake with a server as soon as it is added. */
  SslHandler newHandler(@Nullable HostName host, int port) {
    SslContext context = requireNonNull(contexts.get(null));
    if (host == null) {
      return newHandler(context);
    }
    SSLEngine engine = context.newEngine(allocator, host.name(), port);
    ServerName.request(engine, host);
    return new GuardedSslHandler(engine, taskExecutor);
  }
}
