package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Loopback;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Tests TLS of a client, with a server that uses TLS. */
class TlsClientTest {

  @TempDir static Path directory;
  private static Certificates certificates;
  private static TlsIdentity localhost;

  private final Recorder<String, String> recorder =
      new Recorder<>((connection, message) -> connection.send(message));
  private final CloseReasons reasons = new CloseReasons();
  private final Recorder<String, String> atClient = Recorder.silent();
  private final CloseReasons reasonsAtClient = new CloseReasons();
  private @Nullable Server server;
  private @Nullable Client<String> client;

  @BeforeAll
  static void certify() throws Exception {
    certificates = new Certificates(directory);
    localhost = certificates.pem("localhost");
  }

  @AfterEach
  void stop() {
    if (client != null) {
      client.close();
    }
    if (server != null) {
      server.close();
    }
  }

  private void start(Tls.Builder tls) {
    start(tls.build());
  }

  private void start(Tls tls) {
    server =
        Server.builder(Texts::new, recorder)
            .plugin(reasons)
            .plugin(tls)
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .blockedLoopThreshold(Duration.ofSeconds(10)) // the machine may be busy
            .start();
  }

  private static Tls.Builder serverTls() {
    return Tls.server().identity(localhost);
  }

  private static Tls.Builder clientTls(Tls.Provider provider) throws Exception {
    return Tls.client().provider(provider).trustPem(certificates.authorityPem());
  }

  private Client<String> connect(Tls.Builder tls, String host) {
    return connect(tls.build(), host);
  }

  private Client<String> connect(Tls tls, String host) {
    Client<String> connecting =
        Loopback.client(Client.builder(Texts::new, atClient))
            .plugin(reasonsAtClient)
            .plugin(tls)
            .blockedLoopThreshold(Duration.ofSeconds(10)) // the machine may be busy
            .connect("tcp://" + host + ":" + server.port());
    client = connecting;
    return connecting;
  }

  /** Waits for the connection and returns its TLS session. */
  private TlsSession session() throws InterruptedException {
    atClient.expect("connect");
    return atClient.connection().attribute(TlsSession.class);
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void clientAsksForItsHostAndChecksTheCertificate(Tls.Provider provider) throws Exception {
    start(serverTls().identity("www.example.com", certificates.pem("www.example.com")));
    Client<String> connecting =
        connect(clientTls(provider).applicationProtocols("a"), "www.example.com");
    TlsSession session = session();
    assertThat(session.serverName()).isEqualTo("www.example.com");
    assertThat(session.peer().getName()).isEqualTo("CN=www.example.com");
    connecting.connected().thenAccept(connection -> connection.send("hi"));
    atClient.expect("message hi");
    connecting.close();
    atClient.expect("close CLOSED");
    recorder.expect("connect", "message hi", "close PEER_CLOSED");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void serverNameCanBeSet(Tls.Provider provider) throws Exception {
    start(serverTls().identity("www.example.com", certificates.pem("www.example.com")));
    connect(clientTls(provider).serverName("www.example.com"), "elsewhere.example.org");
    assertThat(session().peer().getName()).isEqualTo("CN=www.example.com");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void certificateForAnotherNameIsRefused(Tls.Provider provider) throws Exception {
    start(serverTls());
    connect(clientTls(provider), "www.example.com");
    assertThat(reasonsAtClient.next().toString())
        .startsWith("PROTOCOL_ERROR: TLS: ")
        .contains("www.example.com");
    atClient.expectNothingMore();
    assertThat(reasons.next().kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
  }

  @ParameterizedTest
  @CsvSource({"JDK,true", "JDK,false", "BORINGSSL,true", "BORINGSSL,false"})
  void certificateOfAnUnknownAuthorityIsRefused(
      Tls.Provider provider, boolean ofTheJdk, @TempDir Path elsewhere) throws Exception {
    start(serverTls());
    Tls.Builder tls = Tls.client().provider(provider);
    connect(ofTheJdk ? tls : tls.trustPem(new Certificates(elsewhere).authorityPem()), "localhost");
    assertThat(reasonsAtClient.next().toString()).startsWith("PROTOCOL_ERROR: TLS: ");
    atClient.expectNothingMore();
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void bothEndsCountTheirHandshakes(Tls.Provider provider) throws Exception {
    Tls ofServer = serverTls().provider(provider).build();
    Tls ofClient = clientTls(provider).build();
    start(ofServer);
    connect(ofClient, "localhost");
    session();
    recorder.expect("connect");
    assertThat(ofServer.handshakes()).isEqualTo(new Tls.Handshakes(1, 0, 0, 0));
    assertThat(ofClient.handshakes()).isEqualTo(new Tls.Handshakes(1, 0, 0, 0));
    client.close();
    reasonsAtClient.next();
    reasons.next();

    connect(ofClient, "www.example.com"); // which is not in the certificate
    assertThat(reasonsAtClient.next().kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    assertThat(reasons.next().kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    assertThat(ofServer.handshakes()).isEqualTo(new Tls.Handshakes(1, 1, 0, 0));
    assertThat(ofClient.handshakes()).isEqualTo(new Tls.Handshakes(1, 1, 0, 0));
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void insecureClientTrustsEveryServer(Tls.Provider provider) throws Exception {
    start(serverTls());
    connect(Tls.client().provider(provider).insecure(), "www.example.com");
    assertThat(session().peer().getName()).isEqualTo("CN=localhost");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void clientShowsItsCertificate(Tls.Provider provider) throws Exception {
    start(serverTls().needClientCertificate().trustPem(certificates.authorityPem()));
    connect(clientTls(provider).identity(certificates.pem("client")), "localhost");
    session();
    assertThat(recorder.connection().attribute(TlsSession.class).peer().getName())
        .isEqualTo("CN=client");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void serverThatDoesNotSpeakTlsIsRefused(Tls.Provider provider) throws Exception {
    Handler<String, String> plain =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            connection.send("plain text");
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {}
        };
    server = Server.builder(Texts::new, plain).listen("tcp://127.0.0.1:0").start();
    connect(clientTls(provider), "localhost");
    reasonsAtClient.expect("PROTOCOL_ERROR: record type: 0 (expected: 20..23)");
  }
}
