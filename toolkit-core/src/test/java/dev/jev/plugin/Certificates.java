package dev.jev.plugin;

import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import io.netty.util.NetUtil;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/** An authority and the certificates that it has issued, as files in a directory. */
final class Certificates {

  static final String PASSWORD = "secret";

  /** RFC 5280, 4.2.1.6: subjectAltName. */
  private static final String SAN = "2.5.29.17";

  private final X509Bundle authority;
  private final Path directory;

  Certificates(Path directory) throws Exception {
    this.directory = directory;
    this.authority =
        new CertificateBuilder()
            .subject("CN=authority") // the same for all: clients choose by the name
            .setIsCertificateAuthority(true)
            .buildSelfSigned();
  }

  /** Issues a certificate with a key for elliptic curves to a host or a client. */
  X509Bundle issue(String name) throws Exception {
    return issue(new CertificateBuilder().ecp256(), name);
  }

  /** Issues a certificate to a host or a client. */
  X509Bundle issue(CertificateBuilder builder, String name) throws Exception {
    builder.subject("CN=" + name);
    return name.indexOf(':') >= 0 || NetUtil.isValidIpV4Address(name)
        ? builder.addSanIpAddress(name).buildIssuedBy(authority)
        : builder.addExtensionOctetString(SAN, false, dnsName(name)).buildIssuedBy(authority);
  }

  /** Returns a GeneralNames of RFC 5280, 4.2.1.6; that of the builder accepts no underscores. */
  private static byte[] dnsName(String name) {
    byte[] ascii = name.getBytes(StandardCharsets.US_ASCII);
    return ByteBuffer.allocate(ascii.length + 4)
        .put(new byte[] {0x30, (byte) (ascii.length + 2), (byte) 0x82, (byte) ascii.length})
        .put(ascii)
        .array();
  }

  /** Returns an identity in PEM files. */
  TlsIdentity pem(String name) throws Exception {
    X509Bundle bundle = issue(name);
    return TlsIdentity.pem(
        write(name + ".pem", bundle.getCertificatePathPEM()),
        write(name + ".key", bundle.getPrivateKeyPEM()));
  }

  /** Returns the authority in a PEM file. */
  Path authorityPem() throws Exception {
    return write("authority.pem", authority.getRootCertificatePEM());
  }

  /** Returns the authority in a PKCS#12 file. */
  Path authorityPkcs12() throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    store.setCertificateEntry("authority", authority.getCertificate());
    return store("authority.p12", store);
  }

  /** Returns a key store with a key. */
  Path pkcs12(String name) throws Exception {
    return store(name + ".p12", issue(name).toKeyStore(PASSWORD.toCharArray()));
  }

  private Path store(String file, KeyStore store) throws Exception {
    Path path = directory.resolve(file);
    try (OutputStream out = Files.newOutputStream(path)) {
      store.store(out, PASSWORD.toCharArray());
    }
    return path;
  }

  Path write(String file, String text) throws Exception {
    return Files.writeString(directory.resolve(file), text);
  }

  /**
   * Returns the context of a JDK client that trusts the authority and presents the given
   * certificate, if any.
   */
  SSLContext clientContext(@Nullable X509Bundle own) throws Exception {
    KeyManagerFactory keys = null;
    if (own != null) {
      keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      keys.init(own.toKeyStore(PASSWORD.toCharArray()), PASSWORD.toCharArray());
    }
    TrustManagerFactory trust = authority.toTrustManagerFactory();
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys == null ? null : keys.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }
}
