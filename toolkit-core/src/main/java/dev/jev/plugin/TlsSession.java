package dev.jev.plugin;

import java.security.cert.X509Certificate;
import java.util.List;
import javax.security.auth.x500.X500Principal;
import org.jspecify.annotations.Nullable;

/**
 * The result of a TLS handshake: {@code connection.attribute(TlsSession.class)}.
 *
 * @param protocol the version, {@code TLSv1.3} for example
 * @param cipher the cipher suite, {@code TLS_AES_128_GCM_SHA256} for example
 * @param serverName the host name that the client requested (SNI, RFC 6066, 3), in lower case, or
 *     null
 * @param applicationProtocol the negotiated protocol (ALPN, RFC 7301), or null
 * @param peerCertificates the verified certificate of the peer and its chain; empty if it has none
 */
public record TlsSession(
    String protocol,
    String cipher,
    @Nullable String serverName,
    @Nullable String applicationProtocol,
    List<X509Certificate> peerCertificates) {

  /** Copies {@code peerCertificates}. */
  public TlsSession {
    peerCertificates = List.copyOf(peerCertificates);
  }

  /** Returns the subject of the peer's certificate, or null if it has none. */
  public @Nullable X500Principal peer() {
    return peerCertificates.isEmpty() ? null : peerCertificates.get(0).getSubjectX500Principal();
  }
}
