package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Plugin;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.security.AlgorithmParameters;
import java.security.KeyStore.PrivateKeyEntry;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.Callable;
import javax.crypto.Cipher;
import javax.crypto.EncryptedPrivateKeyInfo;
import javax.crypto.SecretKey;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests the options of TLS and the files that they name. */
class TlsBuilderTest {

  @TempDir static Path directory;
  private static Certificates certificates;
  private static TlsIdentity localhost;

  @BeforeAll
  static void certify() throws Exception {
    certificates = new Certificates(directory);
    localhost = certificates.pem("localhost");
  }

  private static void refused(Class<? extends Exception> type, String message, Callable<?> call) {
    assertThatThrownBy(call::call).isInstanceOf(type).hasMessage(message);
  }

  private static void illegal(String message, Callable<?> call) {
    refused(IllegalArgumentException.class, message, call);
  }

  private static void missing(String message, Callable<?> call) {
    refused(IllegalStateException.class, message, call);
  }

  @Test
  void encryptionIsItsStage() {
    assertThat(Tls.server().identity(localhost).build().stage()).isEqualTo(Plugin.Stage.ENCRYPTION);
  }

  @Test
  void wrongValuesAreRefused() {
    Tls.Builder tls = Tls.server();
    illegal(
        "handshakeTimeout: PT0S (expected: > PT0S and <= PT87600H)",
        () -> tls.handshakeTimeout(Duration.ZERO));
    illegal(
        "reloadPeriod: PT-1S (expected: PT0S..PT87600H)",
        () -> tls.reloadPeriod(Duration.ofSeconds(-1)));
    illegal("sessionCacheSize: 0 (expected: 1..100000000)", () -> tls.sessionCacheSize(0));
    illegal(
        "seconds of sessionTimeout: 0 (expected: 1..604800)",
        () -> tls.sessionTimeout(Duration.ofMillis(999)));
    illegal("protocol: TLSv1.1 (expected: TLSv1.3 or TLSv1.2)", () -> tls.protocols("TLSv1.1"));
    illegal("protocols: 0 (expected: 1..2)", tls::protocols);
    illegal(
        "length of application protocol : 0 (expected: 1..255)",
        () -> tls.applicationProtocols("h2", ""));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "*", "*.", "a..b", "-a.b", "a.*.b", "a b"})
  void wrongNamesAreRefused(String name) {
    String host = name.startsWith("*.") ? name.substring(2) : name;
    String expected = " (expected: a name of letters, digits, - and _, or an IP address)";
    illegal("host: " + host + expected, () -> Tls.server().identity(name, localhost));
    illegal("host: " + name + expected, () -> Tls.client().serverName(name));
  }

  @Test
  void identitiesHaveNoAddress() {
    illegal(
        "name: 127.0.0.1 (expected: a host name, since clients request no addresses)",
        () -> Tls.server().identity("127.0.0.1", localhost));
  }

  @Test
  void applicationProtocolsAreAscii() {
    illegal(
        "application protocol: chät (expected: ASCII)",
        () -> Tls.server().applicationProtocols("chät"));
  }

  @Test
  void optionsOfTheOtherSideAreRefused() {
    missing("insecure is an option of Tls.client()", () -> Tls.server().insecure());
    missing("optional is an option of Tls.server()", () -> Tls.client().optional());
    missing("serverName is an option of Tls.client()", () -> Tls.server().serverName("a"));
    missing(
        "identity with a name is an option of Tls.server()",
        () -> Tls.client().identity("a", localhost));
    missing(
        "wantClientCertificate is an option of Tls.server()",
        () -> Tls.client().wantClientCertificate());
    missing(
        "needClientCertificate is an option of Tls.server()",
        () -> Tls.client().needClientCertificate());
    missing(
        "onRefused is an option of Tls.server()", () -> Tls.client().onRefused((peer, why) -> {}));
  }

  @Test
  void missingOptionsAreNamed() {
    missing("server has no identity; call identity first", () -> Tls.server().build());
    missing(
        "no trusted authority for client certificates; call trust, trustPem or trustPkcs12 first",
        () -> Tls.server().identity(localhost).needClientCertificate().build());
    missing(
        "both a trusted authority and insecure are set; use one of them",
        () -> Tls.client().trustPem(certificates.authorityPem()).insecure().build());
  }

  @Test
  void nullsAreRefused() {
    refused(NullPointerException.class, "identity", () -> Tls.server().identity(null));
    refused(NullPointerException.class, "provider", () -> Tls.server().provider(null));
    refused(NullPointerException.class, "taskExecutor", () -> Tls.server().taskExecutor(null));
    refused(NullPointerException.class, "onRefused", () -> Tls.server().onRefused(null));
    refused(NullPointerException.class, "password", () -> TlsIdentity.pkcs12(directory, null));
  }

  // Files.

  private static void unusable(String message, TlsIdentity identity) {
    illegal(message, () -> Tls.server().identity(identity).build());
  }

  @Test
  void missingFileIsNamed() {
    Path nowhere = directory.resolve("nowhere");
    assertThatThrownBy(() -> Tls.client().trustPem(nowhere).build())
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage("cannot read " + nowhere + ": java.nio.file.NoSuchFileException: " + nowhere);
  }

  @Test
  void fileWithoutACertificateIsRefused() throws Exception {
    Path empty = certificates.write("empty.pem", "");
    Path key = certificates.write("some.key", certificates.issue("some").getPrivateKeyPEM());
    unusable("certificates in " + empty + ": 0 (expected: >= 1)", TlsIdentity.pem(empty, key));
    Path text = certificates.write("text.pem", "nonsense");
    unusable(
        "certificates in " + text + ": unreadable (expected: X.509 in PEM)",
        TlsIdentity.pem(text, key));
    Path store = certificates.pkcs12("keyOnly");
    assertThat(Tls.client().trustPkcs12(store, Certificates.PASSWORD).build()).isNotNull();
  }

  @Test
  void fileWithoutAKeyIsRefused() throws Exception {
    Path chain = certificates.write("c.pem", certificates.issue("c").getCertificatePathPEM());
    unusable(
        "private key in " + chain + ": none (expected: one in PEM)", TlsIdentity.pem(chain, chain));
    Path old = pem("old.key", "RSA PRIVATE KEY", new byte[10]);
    unusable(
        "private key in "
            + old
            + ": RSA format (expected: PKCS#8; convert it with openssl pkcs8 -topk8)",
        TlsIdentity.pem(chain, old));
    String lines = "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n";
    Path broken = certificates.write("broken.key", lines.formatted("A=BC"));
    Path cut = certificates.write("cut.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n");
    for (Path unreadable : new Path[] {broken, cut}) {
      unusable(
          "private key in " + unreadable + ": unreadable (expected: PKCS#8 in PEM)",
          TlsIdentity.pem(chain, unreadable));
    }
    Path garbage = pem("garbage.key", "PRIVATE KEY", new byte[10]);
    unusable(
        "private key in " + garbage + ": unknown algorithm (expected: RSA, EC or EdDSA)",
        TlsIdentity.pem(chain, garbage));
    Path authorities = certificates.authorityPkcs12();
    unusable(
        "private key in " + authorities + ": none (expected: one)",
        TlsIdentity.pkcs12(authorities, Certificates.PASSWORD));
  }

  @Test
  void identityInMemoryIsChecked() throws Exception {
    PrivateKey other = certificates.issue("other").getKeyPair().getPrivate();
    Certificate[] chain = certificates.issue("some").getCertificatePath();
    unusable(
        "private key in memory: mismatch (expected: the key of the first certificate)",
        TlsIdentity.of(() -> new PrivateKeyEntry(other, chain)));
    illegal(
        "trusted authorities: 0 (expected: 1..2147483647)",
        () -> Tls.client().trust(List::of).build());
  }

  @Test
  void storeWithAnotherPasswordIsRefused() throws Exception {
    Path store = certificates.pkcs12("guarded");
    unusable(
        "key store " + store + ": unreadable (expected: PKCS#12 with the given password)",
        TlsIdentity.pkcs12(store, "wrong"));
  }

  @Test
  void keyOfAnotherCertificateIsRefused() throws Exception {
    Path chain = certificates.write("x.pem", certificates.issue("x").getCertificatePathPEM());
    Path key = certificates.write("y.key", certificates.issue("y").getPrivateKeyPEM());
    Path rsa =
        certificates.write(
            "rsa.key",
            certificates.issue(new CertificateBuilder().rsa2048(), "z").getPrivateKeyPEM());
    for (Path wrong : new Path[] {key, rsa}) {
      unusable(
          "private key in %s and %s: mismatch (expected: the key of the first certificate)"
              .formatted(chain, wrong),
          TlsIdentity.pem(chain, wrong));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = CertificateBuilder.Algorithm.class,
      names = {"ecp256", "ecp384", "rsa2048", "ed25519"})
  void keysOfManyKindsAreRead(CertificateBuilder.Algorithm algorithm) throws Exception {
    X509Bundle bundle = certificates.issue(new CertificateBuilder().algorithm(algorithm), "kind");
    TlsIdentity identity =
        TlsIdentity.pem(
            certificates.write("kind.pem", bundle.getCertificatePathPEM()),
            certificates.write("kind.key", bundle.getPrivateKeyPEM()));
    assertThat(Tls.server().provider(Tls.Provider.JDK).identity(identity).build()).isNotNull();
  }

  @Test
  void expiryIsTheEarliestOfAllChains() throws Exception {
    TlsIdentity year2031 = identity("late", "2031-01-01T00:00:00Z");
    TlsIdentity year2030 = identity("early", "2030-01-01T00:00:00Z");
    Tls.Builder server = Tls.server().identity(year2031).identity("late.example", year2031);
    assertThat(server.build().certificateExpiry()).isEqualTo("2031-01-01T00:00:00Z");
    server.identity("early.example", year2030);
    assertThat(server.build().certificateExpiry()).isEqualTo("2030-01-01T00:00:00Z");

    X509Bundle authority =
        until("2032-01-01T00:00:00Z")
            .subject("CN=other authority")
            .setIsCertificateAuthority(true)
            .buildSelfSigned();
    X509Bundle leaf = until("2033-01-01T00:00:00Z").subject("CN=leaf").buildIssuedBy(authority);
    String chain = leaf.getCertificatePEM() + authority.getCertificatePEM();
    Path file = certificates.write("leaf.pem", chain + leaf.getPrivateKeyPEM());
    Tls.Builder client = Tls.client();
    assertThat(client.build().certificateExpiry()).isNull();
    client.identity(TlsIdentity.pem(file, file));
    assertThat(client.build().certificateExpiry()).isEqualTo("2032-01-01T00:00:00Z");
  }

  private static TlsIdentity identity(String name, String end) throws Exception {
    X509Bundle bundle = certificates.issue(until(end), name);
    String chain = bundle.getCertificatePEM();
    Path file = certificates.write(name + ".pem", chain + bundle.getPrivateKeyPEM());
    return TlsIdentity.pem(file, file);
  }

  private static CertificateBuilder until(String end) {
    return new CertificateBuilder().ecp256().notAfter(Instant.parse(end));
  }

  @Test
  void keyAndChainMayBeInOneFile() throws Exception {
    X509Bundle bundle = certificates.issue("combined");
    String chain = bundle.getCertificatePathPEM();
    String key = bundle.getPrivateKeyPEM();
    String parameters = pemOf("EC PARAMETERS", new byte[] {6, 1, 2});
    for (String text :
        new String[] {chain + key, key + chain, "a comment\n" + parameters + key + "\n" + chain}) {
      Path file = certificates.write("combined.pem", text);
      TlsIdentity identity = TlsIdentity.pem(file, file);
      assertThat(Tls.server().identity(identity).build()).isNotNull();
      assertThat(Tls.client().trustPem(file).build()).isNotNull();
    }
  }

  @Test
  void certificateThatIsCutShortIsRefusedInAnyFile() throws Exception {
    X509Bundle bundle = certificates.issue("cut");
    String chain = bundle.getCertificatePathPEM();
    for (String key : new String[] {"", bundle.getPrivateKeyPEM()}) {
      String text = key + chain + chain.substring(0, chain.indexOf("-----END") - 1);
      Path file = certificates.write("cut.pem", text);
      illegal(
          "certificates in " + file + ": unreadable (expected: X.509 in PEM)",
          () -> Tls.client().trustPem(file).build());
    }
  }

  @Test
  void keyMayBeEncrypted() throws Exception {
    X509Bundle bundle = certificates.issue("guarded");
    Path chain = certificates.write("guarded.pem", bundle.getCertificatePathPEM());
    Path key = encrypted("PBEWithSHA1AndDESede", bundle);
    assertThat(Tls.server().identity(TlsIdentity.pem(chain, key, "secret")).build()).isNotNull();
    unusable(
        "private key in " + key + ": encrypted (expected: a password)",
        TlsIdentity.pem(chain, key));
    unusable(
        "private key in " + key + ": cannot be decrypted (expected: its password)",
        TlsIdentity.pem(chain, key, "wrong"));
  }

  @Test
  void keyOfAnUnknownEncryptionIsRefused() throws Exception {
    Path chain = certificates.write("d.pem", certificates.issue("d").getCertificatePathPEM());
    Path key = pem("unknown.key", "ENCRYPTED PRIVATE KEY", new byte[10]);
    unusable(
        "private key in "
            + key
            + ": unknown encryption (expected: AES; convert it with openssl pkcs8 -topk8)",
        TlsIdentity.pem(chain, key, "secret"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"RSA", "EC"})
  void keyInAnOldEncryptedFormatIsRefused(String kind) throws Exception {
    Path chain = certificates.write("old.pem", certificates.issue("old").getCertificatePathPEM());
    String headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0011\n\n";
    String begin = "-----BEGIN " + kind + " PRIVATE KEY-----\n";
    String text = pemOf(kind + " PRIVATE KEY", new byte[10]).replace(begin, begin + headers);
    Path key = certificates.write("old.key", text);
    for (TlsIdentity identity :
        List.of(TlsIdentity.pem(chain, key), TlsIdentity.pem(chain, key, "secret"))) {
      unusable(
          "private key in "
              + key
              + ": encrypted "
              + kind
              + " format (expected: encrypted PKCS#8; convert it with openssl pkcs8 -topk8)",
          identity);
    }
  }

  /** 6 MB: work that grows with the square of the size would take many minutes. */
  @Test
  void bigFileOfBlocksWithoutAnEndIsRefused() throws Exception {
    Path chain = certificates.write("big.pem", certificates.issue("big").getCertificatePathPEM());
    for (String label : List.of("CERTIFICATE", "PRIVATE KEY", "DH PARAMETERS", "X-----END ")) {
      Path big = certificates.write("big", ("-----BEGIN " + label + "-----\n").repeat(200_000));
      unusable(
          "certificates in " + big + ": unreadable (expected: X.509 in PEM)",
          TlsIdentity.pem(
              big, certificates.write("b.key", certificates.issue("b").getPrivateKeyPEM())));
      unusable(
          "private key in "
              + big
              + (label.equals("PRIVATE KEY")
                  ? ": unreadable (expected: PKCS#8 in PEM)"
                  : ": none (expected: one in PEM)"),
          TlsIdentity.pem(chain, big));
    }
  }

  @Test
  void passwordIsNotShown() {
    TlsIdentity store = TlsIdentity.pkcs12(Path.of("a.p12"), "secret");
    assertThat(store).hasToString("a.p12");
    assertThat(TlsIdentity.pem(Path.of("a"), Path.of("b"), "secret")).hasToString("a and b");
  }

  private static Path encrypted(String algorithm, X509Bundle bundle) throws Exception {
    SecretKey secret =
        SecretKeyFactory.getInstance(algorithm)
            .generateSecret(new PBEKeySpec("secret".toCharArray()));
    Cipher cipher = Cipher.getInstance(algorithm);
    cipher.init(Cipher.ENCRYPT_MODE, secret);
    byte[] encrypted = cipher.doFinal(bundle.getKeyPair().getPrivate().getEncoded());
    AlgorithmParameters parameters = cipher.getParameters();
    byte[] der = new EncryptedPrivateKeyInfo(parameters, encrypted).getEncoded();
    return pem(algorithm + ".key", "ENCRYPTED PRIVATE KEY", der);
  }

  private static Path pem(String file, String kind, byte[] der) throws Exception {
    return certificates.write(file, pemOf(kind, der));
  }

  private static String pemOf(String kind, byte[] der) {
    String body = Base64.getMimeEncoder().encodeToString(der);
    return "-----BEGIN " + kind + "-----\n" + body + "\n-----END " + kind + "-----\n";
  }
}
