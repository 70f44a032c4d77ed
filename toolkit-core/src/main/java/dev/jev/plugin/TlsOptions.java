package dev.jev.plugin;

import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslProvider;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link Tls} was built with.
 *
 * @param client whether this end begins the handshake
 * @param optional whether a server takes clients without TLS too
 * @param identity of this end; for a server that of all names without one
 * @param identities of a server, by name
 * @param trust whose certificates are trusted; null for those the JDK trusts
 * @param insecure whether everybody's are
 */
record TlsOptions(
    boolean client,
    boolean optional,
    @Nullable TlsIdentity identity,
    Map<String, TlsIdentity> identities,
    @Nullable Trust trust,
    boolean insecure,
    ClientAuth clientAuth,
    @Nullable String serverName,
    List<String> applicationProtocols,
    List<String> protocols,
    SslProvider provider,
    Duration handshakeTimeout,
    int sessionCacheSize,
    Duration sessionTimeout,
    Duration reloadPeriod,
    Executor taskExecutor) {

  /** Certificates in a file, and how they are found in it. */
  record Trust(Path file, Function<TlsFiles, List<X509Certificate>> load) {}

  /** All files that matter. */
  List<Path> files() {
    List<Path> files = new ArrayList<>();
    if (identity != null) {
      files.addAll(identity.files());
    }
    identities.values().forEach(one -> files.addAll(one.files()));
    if (trust != null) {
      files.add(trust.file());
    }
    return files;
  }
}
