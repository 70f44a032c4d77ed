package dev.jev.plugin;

import dev.jev.CloseReason;
import dev.jev.HostName;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslProvider;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The options of a {@link Tls}.
 *
 * @param client true if this end begins the handshake
 * @param optional true if a server accepts clients without TLS as well
 * @param identity the identity of this end; for a server that of names without their own
 * @param identities the identities of a server, by name
 * @param trust the trusted authorities; null for those that the JDK trusts
 * @param insecure true if every certificate is trusted
 */
record TlsOptions(
    boolean client,
    boolean optional,
    @Nullable TlsIdentity identity,
    Map<String, TlsIdentity> identities,
    @Nullable Trust trust,
    boolean insecure,
    ClientAuth clientAuth,
    @Nullable HostName serverName,
    List<String> applicationProtocols,
    List<String> protocols,
    Tls.Provider provider,
    Duration handshakeTimeout,
    int sessionCacheSize,
    Duration sessionTimeout,
    Duration reloadPeriod,
    Executor taskExecutor,
    BiConsumer<SocketAddress, CloseReason> onRefused) {

  /** A file with certificates, or null if they are in memory, and a function that loads them. */
  record Trust(@Nullable Path file, Function<TlsFiles, List<X509Certificate>> load) {}

  /** Returns the provider as Netty names it, instead of AUTO the one that is used. */
  SslProvider sslProvider() {
    boolean jdk =
        provider == Tls.Provider.JDK || Tls.Provider.BORINGSSL.unavailabilityCause() != null;
    return jdk ? SslProvider.JDK : SslProvider.OPENSSL;
  }

  /** Returns whether TLS runs on the JDK's provider. */
  boolean isJdk() {
    return sslProvider() == SslProvider.JDK;
  }

  /** Returns the provider in use, and the reason if it is not the faster one, for the log. */
  String providerInUse() {
    Throwable cause = Tls.Provider.BORINGSSL.unavailabilityCause();
    if (provider != Tls.Provider.JDK && cause == null) {
      return "BoringSSL";
    }
    String reason =
        cause == null ? "" : ", since BoringSSL is not available: " + cause.getMessage();
    return "the JDK's provider" + (provider == Tls.Provider.JDK ? "" : reason);
  }

  /** Returns the identities, each once, although it may have several names. */
  Set<TlsIdentity> allIdentities() {
    Set<TlsIdentity> all = new LinkedHashSet<>();
    if (identity != null) {
      all.add(identity);
    }
    all.addAll(identities.values());
    return all;
  }

  /** Returns all files that are read. */
  List<Path> files() {
    List<Path> files = new ArrayList<>();
    allIdentities().forEach(one -> files.addAll(one.files()));
    if (trust != null && trust.file() != null) {
      files.add(trust.file());
    }
    return files;
  }
}
