package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.plugin.Limits;
import dev.jev.plugin.Tls;
import dev.jev.plugin.TlsIdentity;
import dev.jev.plugin.TlsSession;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs the code of docs/tls.md: each of its Java blocks is a region of this class. */
@Timeout(60)
class TlsGuideTest {

  // region identities
  static Tls.Builder identities(Path chain, Path key, Path store, String password) {
    return Tls.server()
        .identity(TlsIdentity.pem(chain, key)) // for other names, and for clients without SNI
        .identity("*.shop.example", TlsIdentity.pkcs12(store, password))
        .reloadPeriod(Duration.ofMinutes(1));
  }

  // endregion

  // region devices
  static Tls.Builder devicesOnly(Tls.Builder tls, Path authorities) {
    return tls.trustPem(authorities).needClientCertificate();
  }

  static String deviceOf(Connection<?> connection) {
    TlsSession session = connection.attribute(TlsSession.class); // set before onConnect
    return String.valueOf(session.peerCommonName());
  }

  // endregion

  // region refused
  static Tls.Builder watched(Tls.Builder tls, Consumer<String> log) {
    return tls.onRefused((peer, reason) -> log.accept(peer + " " + reason));
  }

  // endregion

  // region storm
  static Server startForDevices(Tls tls, Handler<String, String> handler, String uri) {
    return Server.builder(Protocols::lines, handler)
        .plugin(tls)
        .plugin(Limits.builder().acceptRate(200, 200).build()) // others wait in the backlog
        .listen(uri)
        .start();
  }

  // endregion

  private static final String PASSWORD = "only for this test";

  @TempDir private Path directory;
  private X509Bundle authority;
  private Path authorities;
  private Path chain;
  private Path key;
  private Path store;
  private final BlockingQueue<String> received = new LinkedBlockingQueue<>();
  private final BlockingQueue<String> refused = new LinkedBlockingQueue<>();

  @BeforeEach
  void certify() throws Exception {
    authority =
        new CertificateBuilder()
            .subject("CN=authority")
            .setIsCertificateAuthority(true)
            .buildSelfSigned();
    authorities = Files.writeString(directory.resolve("ca.pem"), authority.getRootCertificatePEM());
    chain = directory.resolve("server.pem");
    key = directory.resolve("server.key");
    write(issue("localhost"), chain, key);
    store = directory.resolve("shop.p12");
    try (OutputStream out = Files.newOutputStream(store)) {
      issue("www.shop.example")
          .toKeyStore(PASSWORD.toCharArray())
          .store(out, PASSWORD.toCharArray());
    }
  }

  private X509Bundle issue(String name) throws Exception {
    return new CertificateBuilder()
        .ecp256()
        .subject("CN=" + name)
        .addSanDnsName(name)
        .buildIssuedBy(authority);
  }

  private static void write(X509Bundle bundle, Path chain, Path key) throws Exception {
    Files.writeString(chain, bundle.getCertificatePathPEM());
    Files.writeString(key, bundle.getPrivateKeyPEM());
  }

  private Tls.Builder identities() {
    return identities(chain, key, store, PASSWORD);
  }

  private static Server start(Tls tls) {
    return startForDevices(tls, greeter(), "tcp://127.0.0.1:0");
  }

  private static Handler<String, String> greeter() {
    return (connection, line) -> connection.send(line + " " + deviceOf(connection));
  }

  private Client<String> connect(Server server, Tls tls) {
    return Client.builder(
            Protocols::lines, (Connection<String> c, String line) -> received.add(line))
        .plugin(tls)
        .connect("tcp://localhost:" + server.port());
  }

  /** Connects with a name, and returns the certificate that the server presents for it. */
  private X509Certificate certificateFor(Server server, String name) throws Exception {
    Tls tls = Tls.client().trustPem(authorities).serverName(name).build();
    try (Client<String> client = connect(server, tls)) {
      Connection<String> connection =
          client.connected().toCompletableFuture().get(20, TimeUnit.SECONDS);
      return connection.attribute(TlsSession.class).peerCertificates().get(0);
    }
  }

  @Test
  void nameOfTheClientChoosesTheIdentity() throws Exception {
    try (Server server = start(identities().build())) {
      assertThat(certificateFor(server, "www.shop.example").getSubjectX500Principal().getName())
          .isEqualTo("CN=www.shop.example");
      assertThat(certificateFor(server, "localhost").getSubjectX500Principal().getName())
          .isEqualTo("CN=localhost");
    }
  }

  @Test
  void reloadPresentsTheNewCertificate() throws Exception {
    Tls tls = identities().build();
    try (Server server = start(tls)) {
      X509Certificate before = certificateFor(server, "localhost");
      X509Bundle renewed =
          new CertificateBuilder()
              .ecp256()
              .subject("CN=renewed")
              .addSanDnsName("localhost")
              .notAfter(Instant.now().plus(Duration.ofHours(1)))
              .buildIssuedBy(authority);
      write(renewed, chain, key);
      tls.reload();
      X509Certificate after = certificateFor(server, "localhost");
      assertThat(after).isEqualTo(renewed.getCertificate()).isNotEqualTo(before);
      assertThat(tls.certificateExpiry()).isEqualTo(after.getNotAfter().toInstant());
    }
  }

  @Test
  void deviceIsKnownByItsCertificateAndOthersAreRefused() throws Exception {
    Tls tls = watched(devicesOnly(identities(), authorities), refused::add).build();
    Path deviceChain = directory.resolve("device.pem");
    Path deviceKey = directory.resolve("device.key");
    write(issue("meter-7"), deviceChain, deviceKey);
    Tls device =
        Tls.client()
            .trustPem(authorities)
            .identity(TlsIdentity.pem(deviceChain, deviceKey))
            .build();
    try (LogCapture log = new LogCapture("dev.jev");
        Server server = start(tls);
        Client<String> client = connect(server, device);
        Client<String> stranger = connect(server, Tls.client().trustPem(authorities).build())) {
      client.connected().thenAccept(connection -> connection.send("hello"));
      assertThat(received.poll(20, TimeUnit.SECONDS)).isEqualTo("hello meter-7");
      assertThat(refused.poll(20, TimeUnit.SECONDS)).contains(" PROTOCOL_ERROR: TLS: ");
      assertThat(tls.handshakes()).isEqualTo(new Tls.Handshakes(1, 1, 0, 0));
      log.await("TLS client /127.0.0.1:");
      Eventually.holds("it is closed", () -> server.connectionCount() == 1);
      assertThat(stranger.send("hello")).isFalse();
    }
  }

  @Test
  void plainTextIsRefusedWithTheFirstByte() throws Exception {
    Tls tls = watched(identities(), refused::add).build();
    try (LogCapture log = new LogCapture("dev.jev");
        Server server = start(tls);
        RawClient client = new RawClient(server.port())) {
      assertThat(client.sends("GET / HTTP/1.1\r\n\r\n").receivesAll()).hasSize(7); // an alert
      assertThat(refused.poll(20, TimeUnit.SECONDS))
          .endsWith(
              " "
                  + CloseReason.Kind.PROTOCOL_ERROR
                  + ": first byte: 71 (expected: 22, a TLS handshake)");
      assertThat(log.await("TLS client ").getMessage())
          .endsWith(" refused: first byte: 71 (expected: 22, a TLS handshake)");
    }
  }

  @Test
  void serverLogsTheImplementationInUse() throws Exception {
    try (LogCapture log = new LogCapture("dev.jev");
        Server server = start(identities().provider(Tls.Provider.JDK).build())) {
      assertThat(log.await("TLS runs on ").getMessage())
          .isEqualTo("TLS runs on the JDK's provider");
      assertThat(server.port()).isPositive();
    }
  }

  @Test
  void documentShowsThisCode() throws Exception {
    Snippets.expectShown("docs/tls.md", TlsGuideTest.class);
  }
}
