package dev.jev.plugin;

import java.io.IOException;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;

/**
 * The trust of a client in certificates for names with an underscore, which the JDK does not check.
 * Everything else is left to the JDK.
 *
 * <p>A certificate is for the names of its extension {@code subjectAltName}. {@code *} stands for
 * the first label of a name with at least three (RFC 9525, 6.3).
 */
final class ServerNameTrust extends X509ExtendedTrustManager {

  /** RFC 5280, 4.2.1.6: the tag of dNSName. */
  private static final Integer DNS_NAME = 2;

  private final X509ExtendedTrustManager authorities;

  private ServerNameTrust(X509ExtendedTrustManager authorities) {
    this.authorities = authorities;
  }

  /**
   * Returns the trust in certificates of the given authorities, or if null, in those of the JDK.
   */
  static ServerNameTrust of(@Nullable List<X509Certificate> authorities) {
    try {
      TrustManagerFactory factory =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      factory.init(authorities == null ? null : keyStore(authorities));
      for (TrustManager manager : factory.getTrustManagers()) {
        if (manager instanceof X509ExtendedTrustManager extended) {
          return new ServerNameTrust(extended);
        }
      }
      throw new IllegalStateException("trust manager: none (expected: one for X.509)");
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException("trusted authorities: " + e.getMessage(), e);
    }
  }

  private static KeyStore keyStore(List<X509Certificate> authorities)
      throws GeneralSecurityException {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    try {
      store.load(null, null);
    } catch (IOException e) {
      throw new IllegalStateException(e); // nothing is read
    }
    for (X509Certificate authority : authorities) {
      store.setCertificateEntry(String.valueOf(store.size()), authority);
    }
    return store;
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    authorities.checkServerTrusted(chain, authType, engine);
    String host = engine.getPeerHost();
    if (host != null && ServerName.isUnknownToJdk(host)) {
      check(host, chain[0]);
    }
  }

  static void check(String host, X509Certificate certificate) throws CertificateException {
    Collection<List<?>> alternatives = certificate.getSubjectAlternativeNames();
    List<String> names = new ArrayList<>();
    for (List<?> name : alternatives == null ? List.<List<?>>of() : alternatives) {
      if (name.get(0).equals(DNS_NAME)) {
        names.add((String) name.get(1));
      }
    }
    if (names.stream().noneMatch(name -> matches(host, name.toLowerCase(Locale.ROOT)))) {
      throw new CertificateException(
          "names in certificate: " + names + " (expected: " + host + ")");
    }
  }

  private static boolean matches(String host, String name) {
    int dot = host.indexOf('.');
    boolean mayBeWildcard = dot > 0 && host.indexOf('.', dot + 1) > 0;
    return name.equals(host) || (mayBeWildcard && name.equals("*" + host.substring(dot)));
  }

  // Left to the JDK.

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    authorities.checkClientTrusted(chain, authType, engine);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    authorities.checkClientTrusted(chain, authType, socket);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    authorities.checkServerTrusted(chain, authType, socket);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    authorities.checkClientTrusted(chain, authType);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    authorities.checkServerTrusted(chain, authType);
  }

  @Override
  public X509Certificate[] getAcceptedIssuers() {
    return authorities.getAcceptedIssuers();
  }
}
