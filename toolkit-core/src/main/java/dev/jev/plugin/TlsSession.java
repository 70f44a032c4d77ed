package dev.jev.plugin;

import java.security.cert.X509Certificate;
import java.util.List;
import javax.security.auth.x500.X500Principal;
import org.jspecify.annotations.Nullable;

/**
 * What the handshake of a connection settled: {@code connection.attribute(TlsSession.class)}.
 *
 * @param protocol the version, {@code TLSv1.3} for example
 * @param cipher the cipher suite, {@code TLS_AES_128_GCM_SHA256} for example
 * @param serverName the host name the client asked for (SNI, RFC 6066, 3), in lower case, or null
 * @param applicationProtocol what was agreed upon (ALPN, RFC 7301), or null
 * @param peerCertificates the verified certificate of the peer and its chain; empty if it has none
 */
public record TlsSession(
    String protocol,
    String cipher,
    @Nullable String serverName,
    @Nullable String applicationProtocol,
    List<X509Certificate> peerCertificates) {

  /** Copies the list. */
  public TlsSession {
    peerCertificates = List.copyOf(peerCertificates);
  }

  /** Whom the peer's certificate names, or null if it has none. */
  public @Nullable X500Principal peer() {
    return peerCertificates.isEmpty() ? null : peerCertificates.get(0).getSubjectX500Principal();
  }
}
