package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.plugin.Tls;
import dev.jev.plugin.TlsIdentity;
import dev.jev.plugin.TlsSession;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Opening handshakes over TLS. */
class HandshakeTlsTest {

  @TempDir static Path directory;

  private final Recorder<WebSocketMessage, WebSocketMessage> echo =
      new Recorder<>((connection, message) -> connection.send(message));
  private final Recorder<WebSocketMessage, WebSocketMessage> recorder = Recorder.silent();
  private final CompletableFuture<TlsSession> seen = new CompletableFuture<>();
  private final CloseReasons closeReasons = new CloseReasons();
  private Path certificate;
  private Server server;

  @BeforeEach
  void start() throws Exception {
    X509Bundle bundle =
        new CertificateBuilder()
            .ecp256()
            .subject("CN=localhost")
            .addSanDnsName("localhost")
            .setIsCertificateAuthority(true)
            .buildSelfSigned();
    certificate =
        Files.writeString(directory.resolve("localhost.pem"), bundle.getCertificatePathPEM());
    Path key = Files.writeString(directory.resolve("localhost.key"), bundle.getPrivateKeyPEM());
    server =
        Server.builder(
                WebSocketProtocol.server()
                    .onUpgrade(
                        request -> {
                          seen.complete(request.attribute(TlsSession.class));
                          return CompletableFuture.completedFuture(HttpResponse.accept());
                        })
                    .build(),
                echo)
            .plugin(Tls.server().identity(TlsIdentity.pem(certificate, key)).build())
            .listen("tcp://127.0.0.1:0")
            .start();
  }

  @AfterEach
  void stop() {
    server.close();
    recorder.expectNothingMore();
  }

  private Client<WebSocketMessage> connect(String origin) {
    WebSocketClientBuilder protocol =
        WebSocketProtocol.client(URI.create("wss://localhost:" + server.port() + "/"))
            .header("Origin", origin + ":" + server.port());
    return Client.builder(protocol.build(), recorder)
        .plugin(Tls.client().trustPem(certificate).build())
        .plugin(closeReasons)
        .connect(protocol.address());
  }

  @Test
  void decisionSeesTheTlsSession() throws Exception {
    try (Client<WebSocketMessage> client = connect("https://localhost")) {
      Connection<WebSocketMessage> connection = recorder.connection();
      connection.send(WebSocketMessage.text("hello"));
      recorder.expect("connect", "message Text[5 bytes]");
      assertThat(seen.get().protocol()).startsWith("TLSv1");
      assertThat(client.isConnected()).isTrue();
    }
    recorder.expect("close CLOSED");
  }

  @Test
  void pageThatCameWithoutTlsIsOfAnotherOrigin() throws Exception {
    try (Client<WebSocketMessage> client = connect("http://localhost")) {
      closeReasons.expect("PROTOCOL_ERROR: handshake: status: 403 (expected: 101)");
      assertThat(client.isConnected()).isFalse();
    }
  }
}
