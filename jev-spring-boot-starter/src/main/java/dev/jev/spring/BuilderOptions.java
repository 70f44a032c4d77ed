package dev.jev.spring;

import dev.jev.Client;
import dev.jev.EndpointBuilder;
import dev.jev.Server;
import dev.jev.metrics.Metrics;
import dev.jev.plugin.IdleReaper;
import dev.jev.plugin.Tls;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.ssl.SslBundles;
import org.springframework.boot.system.JavaVersion;
import org.springframework.core.task.VirtualThreadTaskExecutor;
import org.springframework.util.unit.DataSize;

/**
 * Applies properties to a builder. A property that is set replaces the option of the builder.
 *
 * @param prefix the prefix of the properties, such as {@code jev.server.echo}
 * @param bundles the bundles of certificates; null if there are none
 * @param virtualThreads whether handlers run on virtual threads by default
 * @param metrics the metrics that TLS is bound to; null if nothing is measured
 */
record BuilderOptions(
    String prefix,
    @Nullable SslBundles bundles,
    boolean virtualThreads,
    @Nullable Metrics metrics) {

  /**
   * Applies the options of a server.
   *
   * @throws InvalidPropertyException if one of them cannot be used
   */
  void apply(Server.Builder<?, ?> builder, @Nullable ServerOptions options) {
    applyVirtualThreads(builder, options);
    if (options == null) {
      return;
    }
    set("listen", options.listen(), builder::listenOnly);
    set("max-connections", options.maxConnections(), builder::maxConnections);
    applyCommon(builder, options);
    ServerOptions.Ssl ssl = options.ssl();
    if (ssl != null) {
      if (ssl.bundle() == null && ssl.clientAuth() != ServerOptions.ClientAuth.NONE) {
        throw new InvalidPropertyException(
            prefix + ".ssl.client-auth",
            ssl.clientAuth().toString(),
            "ssl.bundle: none (expected: one, which has the certificates)",
            /* cause= */ null);
      }
      Tls.Builder tls = Tls.server();
      switch (ssl.clientAuth()) {
        case NONE -> {}
        case WANT -> tls.wantClientCertificate();
        case NEED -> tls.needClientCertificate();
      }
      applyTls(builder, tls, ssl.bundle());
    }
  }

  /**
   * Applies the options of a client, apart from the address.
   *
   * @throws InvalidPropertyException if one of them cannot be used
   */
  void apply(Client.Builder<?, ?> builder, @Nullable ClientOptions options) {
    applyVirtualThreads(builder, options);
    if (options == null) {
      return;
    }
    set("connect-timeout", options.connectTimeout(), builder::connectTimeout);
    set(
        "reconnect",
        options.reconnect(),
        delays -> builder.reconnect(delays.minBackoff(), delays.maxBackoff()));
    set("while-disconnected", options.whileDisconnected(), builder::whileDisconnected);
    applyCommon(builder, options);
    if (options.ssl() != null) {
      applyTls(builder, Tls.client(), options.ssl().bundle());
    }
  }

  private void applyCommon(EndpointBuilder<?, ?, ?> builder, EndpointOptions options) {
    set("event-loops", options.eventLoops(), count -> builder.eventLoops(count));
    set("transport", options.transport(), builder::transport);
    set("blocked-loop-threshold", options.blockedLoopThreshold(), builder::blockedLoopThreshold);
    set("idle-timeout", options.idleTimeout(), timeout -> setIdleTimeout(builder, timeout));
    set("handshake-timeout", options.handshakeTimeout(), builder::handshakeTimeout);
    set("frame-timeout", options.frameTimeout(), builder::frameTimeout);
    set("close-timeout", options.closeTimeout(), builder::closeTimeout);
    set("lingering-close-timeout", options.lingeringCloseTimeout(), builder::lingeringCloseTimeout);
    setBytes("max-frame-size", options.maxFrameSize(), builder::maxFrameBytes);
    setBytes("pending-limit", options.pendingLimit(), builder::maxPendingBytes);
    applyWatermarks(builder, options.lowWatermark(), options.highWatermark());
    set("overflow", options.overflow(), builder::overflow);
    set("close-on-pack-failure", options.closeOnPackFailure(), builder::closeOnPackFailure);
    set("tcp-no-delay", options.tcpNoDelay(), builder::tcpNoDelay);
    set("tcp-keep-alive", options.tcpKeepAlive(), builder::tcpKeepAlive);
    setBytes("send-buffer-size", options.sendBufferSize(), builder::sendBufferBytes);
    setBytes("receive-buffer-size", options.receiveBufferSize(), builder::receiveBufferBytes);
  }

  private static void setIdleTimeout(EndpointBuilder<?, ?, ?> builder, Duration timeout) {
    builder.removePlugins(plugin -> plugin instanceof IdleReaper reaper && reaper.closes());
    if (!timeout.isZero()) {
      builder.plugin(IdleReaper.allIdle(timeout));
    }
  }

  private void applyWatermarks(
      EndpointBuilder<?, ?, ?> builder, @Nullable DataSize low, @Nullable DataSize high) {
    if (low != null && high != null) {
      setBytes("high-watermark", high, bytes -> builder.writeWatermarks(1, bytes));
      setBytes("low-watermark", low, bytes -> builder.writeWatermarks(bytes, bytes(high)));
    } else if (low != null) {
      throw alone("low-watermark", low, "high-watermark");
    } else if (high != null) {
      throw alone("high-watermark", high, "low-watermark");
    }
  }

  private InvalidPropertyException alone(String name, DataSize value, String other) {
    return new InvalidPropertyException(
        prefix + "." + name,
        value.toString(),
        other + ": none (expected: one, since both are set together)",
        /* cause= */ null);
  }

  private void applyVirtualThreads(
      EndpointBuilder<?, ?, ?> builder, @Nullable EndpointOptions options) {
    Boolean own = options == null ? null : options.virtualThreads();
    if (own != null ? own : virtualThreads) {
      set("virtual-threads", true, wanted -> offload(builder));
    }
  }

  private static void offload(EndpointBuilder<?, ?, ?> builder) {
    if (JavaVersion.getJavaVersion().isOlderThan(JavaVersion.TWENTY_ONE)) {
      throw new IllegalStateException(
          "virtual threads on Java " + JavaVersion.getJavaVersion() + " (expected: Java 21)");
    }
    builder.offload(new VirtualThreadTaskExecutor("jev-handler-"));
  }

  private void applyTls(
      EndpointBuilder<?, ?, ?> builder, Tls.Builder tls, @Nullable String bundle) {
    if (bundle != null) {
      set(
          "ssl.bundle",
          bundle,
          name -> {
            builder.removePlugins(Tls.class::isInstance);
            Tls bundled = BundledTls.build(tls, bundles, name);
            builder.plugin(bundled);
            if (metrics != null) {
              metrics.bind(bundled);
            }
          });
    }
  }

  private void setBytes(String name, @Nullable DataSize value, Consumer<Integer> setter) {
    set(name, value, size -> setter.accept(bytes(size)));
  }

  private static int bytes(DataSize size) {
    if (size.toBytes() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "bytes: " + size.toBytes() + " (expected: <= " + (1 << 30) + ")");
    }
    return (int) size.toBytes();
  }

  private <T> void set(String name, @Nullable T value, Consumer<T> setter) {
    if (value == null) {
      return;
    }
    try {
      setter.accept(value);
    } catch (RuntimeException e) {
      String reason = e.getMessage() == null ? e.toString() : e.getMessage();
      throw new InvalidPropertyException(prefix + "." + name, value.toString(), reason, e);
    }
  }
}
