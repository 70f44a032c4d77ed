package dev.jev.plugin;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.LogCapture;
import dev.jev.Plugin;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import io.netty.pkitesting.X509Bundle;
import java.io.ByteArrayOutputStream;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLHandshakeException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Tests TLS of a server, with the client of the JDK. */
class TlsTest {

  @TempDir static Path directory;
  private static Certificates certificates;
  private static TlsIdentity localhost;

  private final Recorder<String, String> recorder =
      new Recorder<>((connection, message) -> connection.send(message));
  private final CloseReasons reasons = new CloseReasons();
  private final LogCapture log = new LogCapture("dev.jev");
  private @Nullable Server server;

  @BeforeAll
  static void certify() throws Exception {
    certificates = new Certificates(directory);
    localhost = certificates.pem("localhost");
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    log.close();
    assertThat(log.messages("")).filteredOn(text -> !text.startsWith("TLS ")).isEmpty();
    recorder.expectNothingMore();
    reasons.expectNothingMore();
  }

  private void start(Plugin... plugins) {
    server = builder(plugins).start();
  }

  private Server.Builder<String, String> builder(Plugin... plugins) {
    Server.Builder<String, String> builder =
        Server.builder(Texts::new, recorder)
            .plugin(reasons)
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .blockedLoopThreshold(Duration.ofSeconds(10)) // the machine may be busy
            .maxPendingBytes(64 << 20);
    for (Plugin plugin : plugins) {
      builder.plugin(plugin);
    }
    return builder;
  }

  private void start(Tls.Provider provider) {
    start(tls(provider).build());
  }

  private static Tls.Builder tls(Tls.Provider provider) {
    return Tls.server().provider(provider).identity(localhost);
  }

  private TlsPeer connect() throws Exception {
    return TlsPeer.connect(server, certificates.clientContext(null), parameters -> {});
  }

  private void expectEcho(TlsPeer peer) throws Exception {
    assertThat(peer.send("hi").receive()).isEqualTo("hi");
    recorder.expect("connect", "message hi");
    peer.close();
    recorder.expect("close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
  }

  // Handshake.

  @ParameterizedTest
  @CsvSource({"JDK,TLSv1.3", "JDK,TLSv1.2", "BORINGSSL,TLSv1.3", "BORINGSSL,TLSv1.2"})
  void messagesTravelEncrypted(Tls.Provider provider, String protocol) throws Exception {
    start(provider);
    TlsPeer peer =
        TlsPeer.connect(server, certificates.clientContext(null), TlsPeer.protocol(protocol));
    peer.handshake();
    TlsSession session = recorder.connection().attribute(TlsSession.class);
    assertThat(session.protocol()).isEqualTo(protocol);
    assertThat(session.cipher()).isEqualTo(peer.socket().getSession().getCipherSuite());
    assertThat(session.serverName()).isNull();
    assertThat(session.applicationProtocol()).isNull();
    assertThat(session.peerCertificates()).isEmpty();
    assertThat(session.peer()).isNull();
    assertThat(session.peerCommonName()).isNull();
    assertThat(session.peerAlternativeNames()).isEmpty();
    expectEcho(peer);
  }

  // Optional TLS.

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void optionalTlsTakesBothKindsOfClients(Tls.Provider provider) throws Exception {
    start(tls(provider).optional().build());
    try (RawPeer plain = RawPeer.connect(server)) {
      assertThat(plain.send("hi").receive()).isEqualTo("hi");
      assertThat(recorder.connection().attribute(TlsSession.class)).isNull();
    }
    recorder.expect("connect", "message hi", "close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
    TlsPeer encrypted = connect();
    encrypted.handshake();
    assertThat(recorder.connection().attribute(TlsSession.class)).isNotNull();
    expectEcho(encrypted);
  }

  @Test
  void optionalTlsDecidesAtTheFirstByteOrTheSecond() throws Exception {
    start(tls(Tls.Provider.JDK).optional().build());
    try (RawPeer plain = RawPeer.connect(server)) {
      plain.write(new byte[] {0}); // part of a length
      recorder.expect("connect");
      plain.write(new byte[] {0, 0, 1}).write(new byte[] {'x'});
      assertThat(plain.receive()).isEqualTo("x");
    }
    recorder.expect("message x", "close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
    try (RawPeer plain = RawPeer.connect(server)) {
      plain.write(new byte[] {22});
      recorder.expectNothingMore();
      plain.write(new byte[] {0}).shutdownOutput();
      recorder.expect("connect", "close PEER_CLOSED");
    }
    reasons.expect("PEER_CLOSED");
  }

  @Test
  void optionalTlsClosesSilentPeers() throws Exception {
    start(tls(Tls.Provider.JDK).optional().handshakeTimeout(Duration.ofMillis(200)).build());
    try (RawPeer silent = RawPeer.connect(server)) {
      silent.expectEnd();
    }
    reasons.expect("TIMEOUT");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void bigMessagesTravelInBothDirections(Tls.Provider provider) throws Exception {
    start(provider);
    String big = "x".repeat(200_000);
    try (TlsPeer peer = connect()) {
      for (int i = 0; i < 5; i++) {
        assertThat(peer.send(big).receive()).isEqualTo(big);
      }
    }
    recorder.expect("connect");
    for (int i = 0; i < 5; i++) {
      recorder.expect("message " + big);
    }
    recorder.expect("close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void connectionIsConnectedAfterTheHandshake(Tls.Provider provider) throws Exception {
    start(provider);
    try (TlsPeer idle = connect();
        TlsPeer peer = connect()) {
      assertThat(peer.send("hi").receive()).isEqualTo("hi");
      recorder.expect("connect", "message hi");
      recorder.expectNothingMore(); // no event of the idle connection
      idle.handshake();
      recorder.expect("connect");
    }
    recorder.expect("close PEER_CLOSED", "close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void handshakeHasATimeout(Tls.Provider provider) throws Exception {
    start(tls(provider).handshakeTimeout(Duration.ofMillis(100)).build());
    RawPeer peer = RawPeer.connect(server);
    peer.write(new byte[] {22, 3, 1}).expectEndAndClose();
    reasons.expect("TIMEOUT");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void stalledHandshakeHasATimeout(Tls.Provider provider) throws Exception {
    byte[] hello = new EnginePeer(certificates.clientContext(null), "localhost").wrap();
    server =
        builder(tls(provider).handshakeTimeout(Duration.ofMillis(300)).build())
            .handshakeTimeout(Duration.ofMinutes(1))
            .start();
    RawPeer peer = RawPeer.connect(server);
    peer.write(hello).readAll();
    peer.close();
    reasons.expect("TIMEOUT");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void serverStopsInTheMiddleOfAHandshake(Tls.Provider provider) throws Exception {
    start(provider);
    RawPeer peer = RawPeer.connect(server);
    peer.write(new EnginePeer(certificates.clientContext(null), "localhost").wrap());
    assertThat(peer.read()).isEqualTo(22);
    long start = System.nanoTime();
    server.stop(Duration.ofMinutes(1));
    peer.readAll();
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
    peer.close();
    reasons.expect("SERVER_STOPPED");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void timeoutIsCancelledAfterTheHandshake(Tls.Provider provider) throws Exception {
    Tls tls =
        tls(provider).handshakeTimeout(Duration.ofSeconds(2)).taskExecutor(Runnable::run).build();
    EmbeddedLink silent = new EmbeddedLink(tls);
    silent.channel().freezeTime();
    silent.channel().pipeline().fireChannelActive();
    EmbeddedLink link = new EmbeddedLink(tls);
    link.channel().freezeTime();
    EnginePeer peer = new EnginePeer(certificates.clientContext(null), "localhost").handshake(link);
    for (EmbeddedLink each : List.of(silent, link)) {
      each.channel().advanceTimeBy(1, TimeUnit.HOURS);
      each.channel().runScheduledPendingTasks();
    }
    assertThat(silent.reason).hasToString("TIMEOUT");
    assertThat(link.reason).isNull();
    assertThat(link.arrive(peer.wrap((byte) 1, (byte) 2)).received()).containsExactly(1, 2);
    silent.channel().finishAndReleaseAll();
    link.channel().finishAndReleaseAll();
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void taskExecutorRunsTheHandshakeTasks(Tls.Provider provider) throws Exception {
    AtomicInteger tasks = new AtomicInteger();
    ExecutorService executor = Executors.newSingleThreadExecutor();
    try {
      start(
          tls(provider)
              .taskExecutor(
                  task -> {
                    tasks.incrementAndGet();
                    executor.execute(task);
                  })
              .build());
      expectEcho(connect());
      assertThat(tasks.get()).isPositive();
    } finally {
      executor.shutdown();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void applicationProtocolIsAgreedUpon(Tls.Provider provider) throws Exception {
    start(tls(provider).applicationProtocols("two", "one").build());
    TlsPeer peer =
        TlsPeer.connect(
            server,
            certificates.clientContext(null),
            parameters -> parameters.setApplicationProtocols(new String[] {"one", "two"}));
    peer.handshake();
    assertThat(peer.socket().getApplicationProtocol()).isEqualTo("two");
    assertThat(recorder.connection().attribute(TlsSession.class).applicationProtocol())
        .isEqualTo("two");
    expectEcho(peer);
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void versionsCanBeLimited(Tls.Provider provider) throws Exception {
    start(tls(provider).protocols("TLSv1.3").build());
    try (TlsPeer peer =
        TlsPeer.connect(server, certificates.clientContext(null), TlsPeer.protocol("TLSv1.2"))) {
      assertThatThrownBy(peer::handshake)
          .isInstanceOf(SSLHandshakeException.class)
          .hasMessageContaining("protocol_version");
    }
    assertThat(reasons.next().kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void headerOfAProxyComesBeforeTheHandshake(Tls.Provider provider) throws Exception {
    start(tls(provider).build(), ProxyProtocol.required("127.0.0.1"));
    RawPeer raw = RawPeer.connect(server);
    raw.write("PROXY TCP4 192.0.2.1 198.51.100.1 1000 443\r\n".getBytes(US_ASCII));
    TlsPeer peer =
        TlsPeer.over(raw, server, certificates.clientContext(null), parameters -> {}).handshake();
    assertThat(recorder.connection().remoteAddress())
        .isEqualTo(new InetSocketAddress("192.0.2.1", 1000));
    expectEcho(peer);
  }

  // Identities.

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void identityMayBeInAKeyStore(Tls.Provider provider) throws Exception {
    Path store = certificates.pkcs12("store");
    start(
        Tls.server()
            .provider(provider)
            .identity(TlsIdentity.pkcs12(store, Certificates.PASSWORD))
            .build());
    TlsPeer peer = connect().handshake();
    assertThat(peer.serverCertificate()).isEqualTo("CN=store");
    expectEcho(peer);
  }

  @ParameterizedTest
  @CsvSource({
    "JDK, www.example.com, CN=www.example.com",
    "JDK, WWW.Example.Com, CN=www.example.com",
    "JDK, other.example.com, CN=any.example.com",
    "JDK, a.b.example.com, CN=localhost",
    "JDK, example.com, CN=localhost",
    "JDK, example.org, CN=localhost",
    "BORINGSSL, www.example.com, CN=www.example.com",
    "BORINGSSL, other.example.com, CN=any.example.com",
    "BORINGSSL, a.b.example.com, CN=localhost",
  })
  void nameChoosesTheIdentity(Tls.Provider provider, String name, String certificate)
      throws Exception {
    start(
        tls(provider)
            .identity("*.example.com", certificates.pem("any.example.com"))
            .identity("www.Example.com", certificates.pem("www.example.com"))
            .build());
    TlsPeer peer =
        TlsPeer.connect(server, certificates.clientContext(null), TlsPeer.name(name)).handshake();
    assertThat(peer.serverCertificate()).isEqualTo(certificate);
    assertThat(recorder.connection().attribute(TlsSession.class).serverName())
        .isEqualTo(name.toLowerCase(Locale.ROOT));
    expectEcho(peer);
  }

  @ParameterizedTest
  @CsvSource({
    "JDK, example.org, example.org",
    "BORINGSSL, example.org, example.org",
    "JDK, , none"
  })
  void unknownNameIsRefusedWithoutADefault(
      Tls.Provider provider, @Nullable String name, String shown) throws Exception {
    start(
        Tls.server()
            .provider(provider)
            .identity("www.example.com", certificates.pem("www.example.com"))
            .build());
    try (TlsPeer peer =
        TlsPeer.connect(
            server,
            certificates.clientContext(null),
            name == null ? parameters -> {} : TlsPeer.name(name))) {
      assertThatThrownBy(peer::handshake)
          .isInstanceOf(SSLException.class)
          .hasMessageContaining("unrecognized_name");
    }
    reasons.expect(
        "PROTOCOL_ERROR: server name: " + shown + " (expected: a name with a certificate)");
  }

  // Client certificates.

  private TlsPeer connect(@Nullable X509Bundle client) throws Exception {
    return TlsPeer.connect(server, certificates.clientContext(client), parameters -> {});
  }

  @ParameterizedTest
  @CsvSource({"JDK,true", "JDK,false", "BORINGSSL,true", "BORINGSSL,false"})
  void certificateOfTheClientIsReported(Tls.Provider provider, boolean pkcs12) throws Exception {
    Tls.Builder builder = tls(provider).needClientCertificate();
    start(
        (pkcs12
                ? builder.trustPkcs12(certificates.authorityPkcs12(), Certificates.PASSWORD)
                : builder.trustPem(certificates.authorityPem()))
            .build());
    X509Bundle client = certificates.issue("client");
    TlsPeer peer = connect(client);
    peer.send("hi");
    TlsSession session = recorder.connection().attribute(TlsSession.class);
    assertThat(session.peer().getName()).isEqualTo("CN=client");
    assertThat(session.peerCommonName()).isEqualTo("client");
    assertThat(session.peerAlternativeNames()).containsExactly("DNS:client");
    assertThat(session.peerCertificates()).containsExactly(client.getCertificatePath());
    assertThat(peer.receive()).isEqualTo("hi");
    recorder.expect("connect", "message hi");
    peer.close();
    recorder.expect("close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void clientWithoutACertificateIsRefusedIfItNeedsOne(Tls.Provider provider) throws Exception {
    start(tls(provider).needClientCertificate().trustPem(certificates.authorityPem()).build());
    try (TlsPeer peer = connect((X509Bundle) null)) {
      // In TLS 1.3 the alert follows the handshake of the client.
      assertThatThrownBy(() -> peer.send("hi").receive())
          .isInstanceOfAny(SSLException.class, SocketException.class);
    }
    CloseReason reason = reasons.next();
    assertThat(reason.kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    assertThat(reason.cause()).hasMessageStartingWith("TLS: ");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void clientWithACertificateThatIsNotTrustedIsRefused(
      Tls.Provider provider, @TempDir Path elsewhere) throws Exception {
    start(tls(provider).wantClientCertificate().trustPem(certificates.authorityPem()).build());
    X509Bundle stranger = new Certificates(elsewhere).issue("client");
    try (TlsPeer peer =
        TlsPeer.connect(server, certificates.clientContext(stranger), parameters -> {})) {
      assertThatThrownBy(() -> peer.send("hi").receive())
          .isInstanceOfAny(SSLException.class, SocketException.class);
    }
    assertThat(reasons.next().kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void wantedCertificateMayBeMissing(Tls.Provider provider) throws Exception {
    start(tls(provider).wantClientCertificate().trustPem(certificates.authorityPem()).build());
    expectEcho(connect((X509Bundle) null));
  }

  // Closing.

  @ParameterizedTest
  @CsvSource({"JDK,TLSv1.3", "JDK,TLSv1.2", "BORINGSSL,TLSv1.3", "BORINGSSL,TLSv1.2"})
  void closeSendsCloseNotifyAfterTheOutput(Tls.Provider provider, String protocol)
      throws Exception {
    start(provider);
    try (TlsPeer peer =
        TlsPeer.connect(server, certificates.clientContext(null), TlsPeer.protocol(protocol))) {
      peer.handshake();
      Connection<String> connection = recorder.connection();
      String big = "x".repeat(4 << 20);
      connection.send(big);
      connection.send("last");
      connection.close();
      assertThat(peer.receive()).isEqualTo(big);
      assertThat(peer.receive()).isEqualTo("last");
      assertThat(peer.read()).isEqualTo(-1);
    }
    recorder.expect("connect", "close CLOSED");
    reasons.expect("CLOSED");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void shutdownOutputSendsCloseNotifyAndGoesOnReading(Tls.Provider provider) throws Exception {
    start(provider);
    try (TlsPeer peer = connect().handshake()) {
      recorder.expect("connect");
      Connection<String> connection = recorder.connection();
      connection.send("last");
      connection.shutdownOutput();
      assertThat(peer.receive()).isEqualTo("last");
      assertThat(peer.read()).isEqualTo(-1);
      peer.send("still heard");
      recorder.expect("message still heard");
      peer.send("and later");
      recorder.expect("message and later");
    }
    recorder.expect("close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
  }

  @ParameterizedTest
  @CsvSource({"JDK,TLSv1.3", "JDK,TLSv1.2", "BORINGSSL,TLSv1.3", "BORINGSSL,TLSv1.2"})
  void repliesToInputBeforeACloseNotifyAreSent(Tls.Provider provider, String protocol)
      throws Exception {
    start(provider);
    try (TlsPeer peer =
        TlsPeer.connect(server, certificates.clientContext(null), TlsPeer.protocol(protocol))) {
      peer.handshake();
      recorder.expect("connect");
      peer.send("one", "two");
      if (protocol.equals("TLSv1.3")) {
        peer.socket().shutdownOutput(); // close_notify without a FIN
        assertThat(peer.receive()).isEqualTo("one");
        assertThat(peer.receive()).isEqualTo("two");
        assertThat(peer.read()).isEqualTo(-1);
      }
    }
    recorder.expect("message one", "message two", "close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
  }

  @ParameterizedTest
  @CsvSource({"JDK,TLSv1.3", "JDK,TLSv1.2", "BORINGSSL,TLSv1.3", "BORINGSSL,TLSv1.2"})
  void finWithoutCloseNotifyIsReportedAsTruncated(Tls.Provider provider, String protocol)
      throws Exception {
    start(provider);
    try (TlsPeer peer =
        TlsPeer.connect(server, certificates.clientContext(null), TlsPeer.protocol(protocol))) {
      peer.handshake();
      assertThat(peer.send("hi").receive()).isEqualTo("hi");
      peer.raw().shutdownOutput();
      recorder.expect("connect", "message hi", "close IO_ERROR");
    }
    reasons.expect(
        "IO_ERROR: javax.net.ssl.SSLException: "
            + "peer ended its output without close_notify; the input may be truncated");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void dataAfterCloseNotifyIsIgnored(Tls.Provider provider) throws Exception {
    start(provider);
    try (RawPeer peer = RawPeer.connect(server)) {
      EnginePeer engine = new EnginePeer(certificates.clientContext(null), "localhost");
      engine.handshake(peer);
      recorder.expect("connect");
      byte[] data = engine.wrap(RawPeer.frames("hi"));
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      all.writeBytes(data);
      all.writeBytes(engine.closeNotify());
      all.writeBytes(new byte[] {23, 3, 3, 0, 20});
      all.writeBytes(new byte[1000]);
      peer.write(all.toByteArray());
      recorder.expect("message hi", "close PEER_CLOSED");
    }
    reasons.expect("PEER_CLOSED");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void closeNowDoesNotWaitForAPeerThatDoesNotRead(Tls.Provider provider) throws Exception {
    server = builder(tls(provider).build()).closeTimeout(Duration.ofMinutes(1)).start();
    RawPeer raw = RawPeer.connect(server, /* receiveBuffer= */ 16 * 1024);
    try (TlsPeer peer =
        TlsPeer.over(raw, server, certificates.clientContext(null), parameters -> {})) {
      peer.handshake();
      Connection<String> connection = recorder.connection();
      connection.send("x".repeat(8 << 20));
      connection.execute(connection::closeNow);
      recorder.expect("connect", "close CLOSED");
    }
    reasons.expect("CLOSED");
  }

  @Test
  void serverStopsWithoutWaiting() throws Exception {
    start(Tls.Provider.AUTO);
    TlsPeer peer = connect().handshake();
    recorder.expect("connect");
    server.stop(Duration.ofSeconds(5));
    assertThat(peer.read()).isEqualTo(-1);
    peer.close();
    recorder.expect("close SERVER_STOPPED");
    reasons.expect("SERVER_STOPPED");
  }
}
