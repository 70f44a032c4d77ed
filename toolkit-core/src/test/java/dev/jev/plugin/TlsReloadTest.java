package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Eventually;
import dev.jev.LogCapture;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.KeyStore.PrivateKeyEntry;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.logging.Level;
import javax.net.ssl.SSLHandshakeException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Tests new certificates while a server runs. */
class TlsReloadTest {

  private final Recorder<String, String> recorder =
      new Recorder<>((connection, message) -> connection.send(message));
  private final LogCapture log = new LogCapture("dev.jev");
  private Certificates certificates;
  private Path chain;
  private Path key;
  private @Nullable Server server;

  @BeforeEach
  void certify(@TempDir Path directory) throws Exception {
    certificates = new Certificates(directory);
    chain = directory.resolve("chain.pem");
    key = directory.resolve("key.pem");
    write("first");
  }

  @AfterEach
  void stop() throws Exception {
    if (server != null) {
      server.close();
    }
    log.close();
    Eventually.noServerThreadIsLeft();
  }

  private X509Bundle write(String name) throws Exception {
    return write(new CertificateBuilder().ecp256(), name);
  }

  private X509Bundle write(CertificateBuilder builder, String name) throws Exception {
    X509Bundle bundle = certificates.issue(builder, name);
    replace(chain, bundle.getCertificatePathPEM());
    replace(key, bundle.getPrivateKeyPEM());
    return bundle;
  }

  /** Writes a file so that it is never seen in part. */
  private static void replace(Path file, String content) throws IOException {
    Path part = Files.writeString(file.resolveSibling("part"), content);
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
  }

  private static CertificateBuilder until(Instant end) {
    return new CertificateBuilder().ecp256().notAfter(end);
  }

  private Tls start(Tls.Builder builder) {
    Tls tls = builder.build();
    server =
        Server.builder(Texts::new, recorder)
            .plugin(tls)
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .blockedLoopThreshold(Duration.ofSeconds(10)) // the machine may be busy
            .start();
    return tls;
  }

  private Tls.Builder tls(Tls.Provider provider) {
    return Tls.server().provider(provider).identity(TlsIdentity.pem(chain, key));
  }

  private TlsPeer connect() throws Exception {
    return TlsPeer.connect(server, certificates.clientContext(null), parameters -> {}).handshake();
  }

  private String served() throws Exception {
    try (TlsPeer peer = connect()) {
      return peer.serverCertificate();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void reloadIsForNewConnectionsOnly(Tls.Provider provider) throws Exception {
    Tls tls = start(tls(provider));
    try (TlsPeer old = connect()) {
      assertThat(old.serverCertificate()).isEqualTo("CN=first");
      write("second");
      assertThat(served()).isEqualTo("CN=first");
      tls.reload();
      assertThat(served()).isEqualTo("CN=second");
      assertThat(old.send("still here").receive()).isEqualTo("still here");
    }
    assertThat(log.messages("")).filteredOn(text -> !text.startsWith("TLS ")).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void trustIsReloadedToo(Tls.Provider provider, @TempDir Path elsewhere) throws Exception {
    Path trust = certificates.authorityPem();
    Tls tls = start(tls(provider).needClientCertificate().trustPem(trust));
    Certificates others = new Certificates(elsewhere);
    Files.copy(others.authorityPem(), trust, StandardCopyOption.REPLACE_EXISTING);
    tls.reload();
    try (TlsPeer peer =
        TlsPeer.connect(
            server, certificates.clientContext(certificates.issue("me")), parameters -> {})) {
      assertThatThrownBy(() -> peer.send("hi").receive()).isInstanceOf(IOException.class);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void identityAndTrustInMemoryAreReloaded(Tls.Provider provider, @TempDir Path elsewhere)
      throws Exception {
    AtomicReference<X509Bundle> identity = new AtomicReference<>(certificates.issue("first"));
    AtomicReference<X509Bundle> trusted = new AtomicReference<>(certificates.issue("me"));
    Tls tls =
        start(
            Tls.server()
                .provider(provider)
                .identity(TlsIdentity.of(() -> entry(identity.get())))
                .needClientCertificate()
                .trust(() -> List.of(trusted.get().getRootCertificate())));
    X509Bundle me = certificates.issue("me");
    assertThat(served(me)).isEqualTo("CN=first");
    identity.set(certificates.issue("second"));
    assertThat(served(me)).isEqualTo("CN=first");
    tls.reload();
    assertThat(served(me)).isEqualTo("CN=second");
    trusted.set(new Certificates(elsewhere).issue("others"));
    tls.reload();
    assertThatThrownBy(() -> served(me)).isInstanceOf(IOException.class);
  }

  private static PrivateKeyEntry entry(X509Bundle bundle) {
    return new PrivateKeyEntry(bundle.getKeyPair().getPrivate(), bundle.getCertificatePath());
  }

  private String served(X509Bundle own) throws Exception {
    try (TlsPeer peer =
        TlsPeer.connect(server, certificates.clientContext(own), parameters -> {})) {
      peer.send("hi").receive();
      return peer.serverCertificate();
    }
  }

  @Test
  void failedReloadChangesNothing() throws Exception {
    Tls tls = start(tls(Tls.Provider.AUTO));
    Files.writeString(key, certificates.issue("other").getPrivateKeyPEM());
    assertThatThrownBy(tls::reload)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "private key in %s and %s: mismatch (expected: the key of the first certificate)",
            chain, key);
    Files.delete(chain);
    assertThatThrownBy(tls::reload)
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageStartingWith("cannot read " + chain + ": ");
    assertThat(served()).isEqualTo("CN=first");
  }

  @Test
  void expiryIsThatOfTheFilesInUse() throws Exception {
    Instant year2039 = Instant.parse("2039-01-31T12:00:00Z");
    Instant year2031 = Instant.parse("2031-03-04T05:06:07Z");
    write(until(year2039), "first");
    Tls tls = tls(Tls.Provider.AUTO).build();
    assertThat(tls.certificateExpiry()).isEqualTo(year2039);
    write(until(year2031), "second");
    assertThat(tls.certificateExpiry()).isEqualTo(year2039);
    tls.reload();
    assertThat(tls.certificateExpiry()).isEqualTo(year2031);
    Files.writeString(chain, "nonsense");
    assertThatThrownBy(tls::reload).isInstanceOf(IllegalArgumentException.class);
    assertThat(tls.certificateExpiry()).isEqualTo(year2031);
  }

  @Test
  void changedFilesAreReloaded() throws Exception {
    start(tls(Tls.Provider.AUTO).reloadPeriod(Duration.ofMillis(20)));
    assertThat(served()).isEqualTo("CN=first");
    write("second");
    log.await("TLS certificates reloaded");
    Eventually.holds("the second certificate", () -> served().equals("CN=second"));
  }

  @Test
  void filesThatCannotBeUsedAreLoggedOnce() throws Exception {
    start(tls(Tls.Provider.AUTO).reloadPeriod(Duration.ofMillis(20)));
    replace(chain, "nonsense");
    String fault = "java.lang.IllegalArgumentException: certificates in " + chain;
    String what = "cannot reload TLS certificates: " + fault;
    assertThat(log.await(what).getLevel()).isEqualTo(Level.WARNING);
    assertThat(served()).isEqualTo("CN=first");
    write("second");
    log.await("TLS certificates reloaded");
    assertThat(log.messages(what)).hasSize(1);
  }

  @Test
  void unchangedFilesAreNotReloaded() throws Exception {
    start(tls(Tls.Provider.AUTO).reloadPeriod(Duration.ofMillis(10)));
    for (int i = 0; i < 20; i++) {
      assertThat(served()).isEqualTo("CN=first");
    }
    assertThat(log.messages("")).filteredOn(text -> !text.startsWith("TLS ")).isEmpty();
  }

  @Test
  void clientThatTrustsAnotherAuthorityLeaves(@TempDir Path elsewhere) throws Exception {
    start(tls(Tls.Provider.AUTO));
    Certificates others = new Certificates(elsewhere);
    try (TlsPeer peer = TlsPeer.connect(server, others.clientContext(null), parameters -> {})) {
      assertThatThrownBy(peer::handshake).isInstanceOf(SSLHandshakeException.class);
    }
    Eventually.holds("the connection is closed", () -> server.connectionCount() == 0);
    assertThat(log.messages("")).filteredOn(text -> !text.startsWith("TLS ")).isEmpty();
  }
}
