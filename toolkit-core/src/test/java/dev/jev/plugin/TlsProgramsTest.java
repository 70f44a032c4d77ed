package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Program;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.Server;
import dev.jev.Texts;
import io.netty.buffer.ByteBuf;
import io.netty.pkitesting.X509Bundle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Tests TLS of a server, with OpenSSL and curl as clients. */
@CallsPrograms
class TlsProgramsTest {

  @TempDir static Path directory;
  private static Certificates certificates;
  private static TlsIdentity localhost;

  private final CloseReasons reasons = new CloseReasons();
  private final Queue<TlsSession> sessions = new ConcurrentLinkedQueue<>();
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
  }

  /** Echoes every message, and closes after "bye". */
  private final class Echo implements Handler<String, String> {
    @Override
    public void onConnect(Connection<String> connection) {
      sessions.add(connection.attribute(TlsSession.class));
    }

    @Override
    public void onMessage(Connection<String> connection, String message) {
      connection.send(message);
      if (message.equals("bye")) {
        connection.close();
      }
    }
  }

  private void start(Tls.Builder tls) {
    server =
        Server.builder(Texts::new, new Echo())
            .plugin(reasons)
            .plugin(tls.build())
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .blockedLoopThreshold(Duration.ofSeconds(10)) // the machine may be busy
            .start();
  }

  private static Tls.Builder tls(Tls.Provider provider) {
    return Tls.server().provider(provider).identity(localhost);
  }

  private String openssl(String... options) throws Exception {
    List<String> command = new ArrayList<>(List.of("openssl", "s_client", "-connect"));
    command.add("127.0.0.1:" + server.port());
    command.addAll(List.of("-CAfile", certificates.authorityPem().toString()));
    command.addAll(List.of(options));
    return output("\0\0\0\2hi\0\0\0\3bye", command);
  }

  /** Returns what a program prints that stays connected after its input. */
  static String output(String input, List<String> command) throws Exception {
    try (Program program = Program.start(command.toArray(String[]::new))) {
      program.typesAndWaits(input).exitStatus();
      return String.join("\n", program.output()) + String.join("\n", program.errors());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "JDK, -tls1_3, TLSv1.3",
    "JDK, -tls1_2, TLSv1.2",
    "BORINGSSL, -tls1_3, TLSv1.3",
    "BORINGSSL, -tls1_2, TLSv1.2"
  })
  void opensslGetsItsAnswers(Tls.Provider provider, String version, String protocol)
      throws Exception {
    start(tls(provider).applicationProtocols("echo"));
    String output =
        openssl(
            version,
            "-ign_eof",
            "-verify_return_error",
            "-servername",
            "LocalHost",
            "-alpn",
            "x,echo");
    assertThat(output)
        .contains("Verify return code: 0 (ok)", "ALPN protocol: echo")
        .contains("\0\0\0\2hi\0\0\0\3bye")
        .doesNotContain("unexpected eof");
    TlsSession session = sessions.remove();
    assertThat(session.protocol()).isEqualTo(protocol);
    assertThat(session.serverName()).isEqualTo("localhost");
    assertThat(session.applicationProtocol()).isEqualTo("echo");
    reasons.expect("CLOSED");
  }

  @ParameterizedTest
  @CsvSource({
    "JDK, -tls1_3",
    "JDK, -tls1_2",
    "BORINGSSL, -tls1_3",
    "BORINGSSL, -tls1_2",
  })
  void sessionIsResumed(Tls.Provider provider, String version) throws Exception {
    start(
        tls(provider)
            .wantClientCertificate()
            .trustPem(certificates.authorityPem())
            .sessionCacheSize(10));
    X509Bundle client = certificates.issue("client");
    Path chain = certificates.write("client.pem", client.getCertificatePathPEM());
    Path key = certificates.write("client.key", client.getPrivateKeyPEM());
    String session = directory.resolve("session" + provider + version).toString();
    assertThat(
            openssl(
                version, "-ign_eof", "-cert", chain + "", "-key", key + "", "-sess_out", session))
        .contains("New, TLSv1.")
        .contains("\0\0\0\3bye");
    assertThat(openssl(version, "-ign_eof", "-sess_in", session))
        .contains("Reused, TLSv1.")
        .contains("\0\0\0\3bye");
    reasons.expect("CLOSED");
    reasons.expect("CLOSED");
    // The certificate of the client is part of the session.
    assertThat(sessions)
        .hasSize(2)
        .allMatch(one -> one.peer() != null && one.peer().getName().equals("CN=client"));
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void renegotiationIsRefused(Tls.Provider provider) throws Exception {
    start(tls(provider));
    output(
        "R\n", List.of("openssl", "s_client", "-tls1_2", "-connect", "127.0.0.1:" + server.port()));
    reasons.expect("PROTOCOL_ERROR: peer began a second handshake; renegotiation is refused");
  }

  @ParameterizedTest
  @CsvSource({"aes-256-cbc", "aes-128-cbc"})
  void keyThatOpensslEncryptedIsRead(String cipher) throws Exception {
    X509Bundle bundle = certificates.issue("guarded");
    Path chain = certificates.write("guarded.pem", bundle.getCertificatePathPEM());
    Path plain = certificates.write("plain.key", bundle.getPrivateKeyPEM());
    Path key = directory.resolve(cipher + ".key");
    String openssl = "openssl pkcs8 -topk8 -passout pass:secret";
    List<String> command = new ArrayList<>(List.of(openssl.split(" ", -1)));
    command.addAll(List.of("-v2", cipher, "-in", plain + "", "-out", key + ""));
    Program.run(new byte[0], command.toArray(String[]::new));
    start(Tls.server().identity(TlsIdentity.pem(chain, key, "secret")));
    assertThat(openssl("-ign_eof")).contains("subject=CN = guarded", "\0\0\0\3bye");
  }

  @ParameterizedTest
  @CsvSource({"JDK, -tls1_1", "BORINGSSL, -tls1_1"})
  void oldVersionIsRefused(Tls.Provider provider, String version) throws Exception {
    start(tls(provider));
    assertThat(openssl(version, "-cipher", "DEFAULT@SECLEVEL=0"))
        .contains("alert protocol version");
    assertThat(reasons.next().kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void curlGetsItsPage(Tls.Provider provider) throws Exception {
    server =
        Server.builder(
                Page::new,
                (Connection<String> connection, String request) -> {
                  connection.send("HTTP/1.0 200 OK\r\n\r\npage for " + request.split(" ", -1)[1]);
                  connection.close();
                })
            .plugin(reasons)
            .plugin(tls(provider).build())
            .listen("tcp://127.0.0.1:0")
            .start();
    String url = "https://localhost:" + server.port() + "/somewhere";
    String authority = certificates.authorityPem().toString();
    assertThat(Program.run(new byte[0], "curl", "-sS", "-4", "--cacert", authority, url))
        .asString(StandardCharsets.US_ASCII)
        .isEqualTo("page for /somewhere");
    reasons.expect("CLOSED");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void plainHttpFromCurlIsRefused(Tls.Provider provider) throws Exception {
    start(tls(provider));
    String url = "http://127.0.0.1:" + server.port();
    output("", List.of("curl", "-sS", "--http0.9", "-o", "-", url));
    reasons.expect("PROTOCOL_ERROR: first byte: 71 (expected: 22, a TLS handshake)");
  }

  /** The part of HTTP that a test needs. */
  private static final class Page implements Protocol<String, String> {
    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      String all = in.toString(StandardCharsets.US_ASCII);
      if (!all.endsWith("\r\n\r\n")) {
        return null;
      }
      in.skipBytes(in.readableBytes());
      return all;
    }

    @Override
    public void pack(String message, ByteBuf out) {
      out.writeCharSequence(message, StandardCharsets.US_ASCII);
    }
  }
}
