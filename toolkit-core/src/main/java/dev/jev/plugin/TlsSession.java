package dev.jev.plugin;

import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import javax.naming.NamingException;
import javax.naming.directory.Attribute;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.Rdn;
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

  /**
   * Returns the common name (CN) of the subject of the peer's certificate, the most specific one if
   * there are several, or null if there is none. A name to tell users apart by: certificates of
   * hosts have theirs in {@link #peerAlternativeNames}.
   */
  public @Nullable String peerCommonName() {
    X500Principal subject = peer();
    if (subject == null) {
      return null;
    }
    try {
      List<Rdn> names = new LdapName(subject.getName(X500Principal.RFC2253)).getRdns();
      for (int i = names.size() - 1; i >= 0; i--) { // the most specific one is the last
        Attribute name = names.get(i).toAttributes().get("CN");
        if (name != null && name.get() instanceof String text) {
          return text;
        }
      }
    } catch (NamingException e) {
      // A subject that cannot be read has no name.
    }
    return null;
  }

  /**
   * Returns the subject alternative names of the peer's certificate (RFC 5280, 4.2.1.6), each with
   * its kind, so that a name of one kind cannot pass for another: {@code DNS:www.example.com},
   * {@code IP:192.0.2.1}, {@code URI:spiffe://example.com/orders}, {@code email:ann@example.com}.
   * Names of other kinds are left out. Empty if there are none, or if they are malformed.
   */
  public List<String> peerAlternativeNames() {
    if (peerCertificates.isEmpty()) {
      return List.of();
    }
    try {
      Collection<List<?>> names = peerCertificates.get(0).getSubjectAlternativeNames();
      return names == null
          ? List.of()
          : names.stream().map(TlsSession::described).filter(Objects::nonNull).toList();
    } catch (CertificateParsingException e) {
      return List.of();
    }
  }

  /** Returns a general name with its kind, or null for other kinds. */
  private static @Nullable String described(List<?> name) {
    String kind = switch ((Integer) name.get(0)) { // RFC 5280, 4.2.1.6: the tags of GeneralName
          case 1 -> "email:";
          case 2 -> "DNS:";
          case 6 -> "URI:";
          case 7 -> "IP:";
          default -> null;
        };
    return kind == null ? null : kind + name.get(1);
  }
}
