package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.CallsPrograms;
import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.LogCapture;
import dev.jev.Loopback;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Tests the names that clients request and check, such as those of Docker and Kubernetes. */
class TlsNamesTest {

  @TempDir static Path directory;
  private static Certificates certificates;

  private final Recorder<String, String> recorder =
      new Recorder<>(
          (connection, message) -> {
            connection.send(message);
            if (message.equals("bye")) {
              connection.close();
            }
          });
  private final Recorder<String, String> atClient = Recorder.silent();
  private final CloseReasons reasons = new CloseReasons();
  private final CloseReasons reasonsAtClient = new CloseReasons();
  private final LogCapture log = new LogCapture("dev.jev");
  private @Nullable Server server;
  private @Nullable Client<String> client;

  @BeforeAll
  static void certify() throws Exception {
    certificates = new Certificates(directory);
  }

  @AfterEach
  void stop() {
    if (client != null) {
      client.close();
    }
    if (server != null) {
      server.close();
    }
    log.close();
  }

  private void start(Tls.Builder tls) {
    server =
        Server.builder(Texts::new, recorder)
            .plugin(reasons)
            .plugin(tls.build())
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .blockedLoopThreshold(Duration.ofSeconds(10)) // the machine may be busy
            .start();
  }

  private void connect(Tls.Provider provider, String host) throws Exception {
    Tls tls = Tls.client().provider(provider).trustPem(certificates.authorityPem()).build();
    client =
        Loopback.client(Client.builder(Texts::new, atClient))
            .plugin(reasonsAtClient)
            .plugin(tls)
            .blockedLoopThreshold(Duration.ofSeconds(10)) // the machine may be busy
            .connect("tcp://" + host + ":" + server.port());
  }

  private static @Nullable String requested(Connection<String> connection) {
    return connection.attribute(TlsSession.class).serverName();
  }

  @ParameterizedTest
  @CsvSource({
    "JDK, web-1, web-1, web-1",
    "JDK, localhost, localhost, localhost",
    "JDK, my_service, my_service, ",
    "JDK, my_svc.ns.svc.cluster.local, *.ns.svc.cluster.local, ",
    "JDK, svc.ns.svc.cluster.local., svc.ns.svc.cluster.local, svc.ns.svc.cluster.local",
    "JDK, WWW.Example.COM, www.example.com, www.example.com",
    "JDK, bücher.example, xn--bcher-kva.example, xn--bcher-kva.example",
    "JDK, 127.0.0.1, 127.0.0.1, ",
    "JDK, [fe80::1%lo], fe80::1, ",
    "BORINGSSL, web-1, web-1, web-1",
    "BORINGSSL, localhost, localhost, localhost",
    "BORINGSSL, my_service, my_service, my_service",
    "BORINGSSL, My_Service., My_Service, my_service",
    "BORINGSSL, my_svc.ns.svc.cluster.local, *.ns.svc.cluster.local, my_svc.ns.svc.cluster.local",
    "BORINGSSL, svc.ns.svc.cluster.local., svc.ns.svc.cluster.local, svc.ns.svc.cluster.local",
    "BORINGSSL, WWW.Example.COM, www.example.com, www.example.com",
    "BORINGSSL, bücher.example, xn--bcher-kva.example, xn--bcher-kva.example",
    "BORINGSSL, 127.0.0.1, 127.0.0.1, ",
    "BORINGSSL, [fe80::1%lo], fe80::1, ",
  })
  void clientConnectsToEveryKindOfHost(
      Tls.Provider provider, String host, String certificate, @Nullable String name)
      throws Exception {
    start(Tls.server().provider(provider).identity(certificates.pem(certificate)));
    connect(provider, host);
    Connection<String> connection = atClient.connection();
    assertThat(requested(connection)).isEqualTo(name);
    assertThat(requested(recorder.connection())).isEqualTo(name);
    connection.send("hi");
    atClient.expect("connect", "message hi");
  }

  @ParameterizedTest
  @CsvSource({
    "JDK, my_service, your_service",
    "JDK, my_service, *",
    "JDK, my_svc.local, *.local",
    "JDK, my_svc.a.example.com, *.example.com",
    "JDK, my_service, my-service",
    "BORINGSSL, my_service, your_service",
    "BORINGSSL, my_svc.local, *.local",
    "BORINGSSL, my_svc.a.example.com, *.example.com",
    "BORINGSSL, my_service, my-service",
  })
  void certificateForAnotherNameIsRefused(Tls.Provider provider, String host, String certificate)
      throws Exception {
    start(Tls.server().provider(provider).identity(certificates.pem(certificate)));
    connect(provider, host);
    assertThat(reasonsAtClient.next().toString())
        .startsWith("PROTOCOL_ERROR: TLS: ")
        .contains("names in certificate: [" + certificate + "] (expected: " + host + ")");
    assertThat(reasons.next().toString()).startsWith("PROTOCOL_ERROR: TLS: ");
    atClient.expectNothingMore();
    recorder.expectNothingMore();
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void certificateOfAnUnknownAuthorityIsRefusedForAnUnderscoreToo(
      Tls.Provider provider, @TempDir Path elsewhere) throws Exception {
    start(Tls.server().provider(provider).identity(new Certificates(elsewhere).pem("my_service")));
    connect(provider, "my_service");
    assertThat(reasonsAtClient.next().toString()).startsWith("PROTOCOL_ERROR: TLS: ");
    atClient.expectNothingMore();
  }

  @Test
  @CallsPrograms
  void nameWithAnUnderscoreHasAnIdentityWithBoringSsl() throws Exception {
    start(
        Tls.server()
            .provider(Tls.Provider.BORINGSSL)
            .identity("My_Service", certificates.pem("my_service")));
    connect(Tls.Provider.BORINGSSL, "my_service");
    assertThat(requested(recorder.connection())).isEqualTo("my_service");
    assertThat(openssl("my_service")).contains("subject=CN = my_service", "\0\0\0\2hi");
  }

  @Test
  void nameInUnicodeHasAnIdentity() throws Exception {
    start(
        Tls.server().identity("*.bücher.example.", certificates.pem("www.xn--bcher-kva.example")));
    connect(Tls.Provider.AUTO, "www.bücher.example");
    assertThat(requested(recorder.connection())).isEqualTo("www.xn--bcher-kva.example");
  }

  private String openssl(String name) throws Exception {
    String command = "openssl s_client -ign_eof -connect 127.0.0.1:" + server.port();
    List<String> words = new ArrayList<>(List.of(command.split(" ", -1)));
    words.addAll(List.of("-servername", name));
    return TlsProgramsTest.output("\0\0\0\2hi\0\0\0\3bye", words);
  }

  @Test
  void jdkRefusesAnIdentityWithAnUnderscore() throws Exception {
    TlsIdentity identity = certificates.pem("my_service");
    for (String name : List.of("my_service", "*.my_project.example")) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> Tls.server().provider(Tls.Provider.JDK).identity(name, identity).build())
          .withMessage(
              "identity: %s (expected: no underscore, which only BoringSSL accepts in TLS)", name);
    }
    assertThat(Tls.server().provider(Tls.Provider.BORINGSSL).identity("a_b", identity).build())
        .isNotNull();
  }

  @Test
  @CallsPrograms
  void jdkRefusesAClientThatRequestsANameWithAnUnderscore() throws Exception {
    start(Tls.server().provider(Tls.Provider.JDK).identity(certificates.pem("my_service")));
    assertThat(openssl("my_service")).contains("SSL alert number 112");
    reasons.expect(
        "PROTOCOL_ERROR: server name: my_service"
            + " (expected: no underscore, which only BoringSSL accepts in TLS)");
  }
}
