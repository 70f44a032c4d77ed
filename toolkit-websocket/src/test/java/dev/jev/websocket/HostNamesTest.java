package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Loopback;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.plugin.Tls;
import dev.jev.plugin.TlsIdentity;
import dev.jev.plugin.TlsSession;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests that a host is the same one in all places that name it. */
class HostNamesTest {

  @TempDir static Path directory;

  private final Recorder<WebSocketMessage, WebSocketMessage> atServer =
      new Recorder<>((connection, message) -> connection.send(message));
  private final Recorder<WebSocketMessage, WebSocketMessage> atClient = Recorder.silent();
  private final CompletableFuture<HttpRequest> upgrade = new CompletableFuture<>();

  private static byte[] subjectAltName(String name) {
    byte[] ascii = name.getBytes(StandardCharsets.US_ASCII);
    return ByteBuffer.allocate(ascii.length + 4)
        .put(new byte[] {0x30, (byte) (ascii.length + 2), (byte) 0x82, (byte) ascii.length})
        .put(ascii)
        .array();
  }

  /** Issues a certificate for a name without brackets, and returns its file. */
  private static Path certificate(String name) throws Exception {
    CertificateBuilder builder =
        new CertificateBuilder().ecp256().subject("CN=x").setIsCertificateAuthority(true);
    X509Bundle bundle =
        (name.contains(":") || name.equals("127.0.0.1")
                ? builder.addSanIpAddress(name)
                : builder.addExtensionOctetString("2.5.29.17", false, subjectAltName(name)))
            .buildSelfSigned();
    Path chain = Files.createTempFile(directory, "host", ".pem");
    Files.writeString(key(chain), bundle.getPrivateKeyPEM());
    return Files.writeString(chain, bundle.getCertificatePathPEM());
  }

  private static Path key(Path chain) {
    return Path.of(chain + ".key");
  }

  /**
   * Connects to a server with the host.
   *
   * @param host the host in the URI
   * @param address the host in the address to connect to
   * @param header the host in the {@code Host} header
   * @param sni the requested name; none for addresses, and for what the JDK does not request
   */
  @ParameterizedTest
  @CsvSource({
    "JDK, localhost, localhost, localhost, localhost",
    "JDK, web-1, web-1, web-1, web-1",
    "JDK, my_service, my_service, my_service, ",
    "JDK, Svc.ns.svc.cluster.local., svc.ns.svc.cluster.local., svc.ns.svc.cluster.local,"
        + " svc.ns.svc.cluster.local",
    "JDK, bücher.example, xn--bcher-kva.example, xn--bcher-kva.example, xn--bcher-kva.example",
    "JDK, b%C3%BCcher.example, xn--bcher-kva.example, xn--bcher-kva.example,"
        + " xn--bcher-kva.example",
    "JDK, 127.0.0.1, 127.0.0.1, 127.0.0.1, ",
    "JDK, [0:0:0:0:0:0:0:1], [0:0:0:0:0:0:0:1], [::1], ",
    "JDK, [fe80::1%25lo], [fe80::1%lo], [fe80::1], ",
    "BORINGSSL, localhost, localhost, localhost, localhost",
    "BORINGSSL, web-1, web-1, web-1, web-1",
    "BORINGSSL, my_service, my_service, my_service, my_service",
    "BORINGSSL, My_Svc.NS.svc.cluster.local., my_svc.ns.svc.cluster.local.,"
        + " my_svc.ns.svc.cluster.local, my_svc.ns.svc.cluster.local",
    "BORINGSSL, bücher.example, xn--bcher-kva.example, xn--bcher-kva.example,"
        + " xn--bcher-kva.example",
    "BORINGSSL, 127.0.0.1, 127.0.0.1, 127.0.0.1, ",
    "BORINGSSL, [::1], [::1], [::1], ",
    "BORINGSSL, [fe80::1%lo], [fe80::1%lo], [fe80::1], ",
  })
  void hostIsTheSameInAllPlaces(
      Tls.Provider provider, String host, String address, String header, @Nullable String sni)
      throws Exception {
    Path chain = certificate(header.replaceAll("[\\[\\]]", ""));
    Tls.Builder serverTls = Tls.server().provider(provider);
    TlsIdentity identity = TlsIdentity.pem(chain, key(chain));
    try (Server server =
        start(
            header,
            sni == null ? serverTls.identity(identity) : serverTls.identity(sni, identity))) {
      String port = ":" + server.port();
      WebSocketClientBuilder protocol =
          WebSocketProtocol.client(URI.create("wss://" + host + port + "/"))
              .header("Origin", "https://" + header + port);
      assertThat(protocol.address()).isEqualTo("tcp://" + address + port);
      try (Client<WebSocketMessage> client =
          Loopback.client(Client.builder(protocol.build(), atClient))
              .plugin(Tls.client().provider(provider).trustPem(chain).build())
              .connect(protocol.address())) {
        Connection<WebSocketMessage> connection = atClient.connection();
        assertThat(connection.attribute(TlsSession.class).serverName()).isEqualTo(sni);
        assertThat(upgrade.get().host()).isEqualTo(header + port);
        assertThat(upgrade.get().attribute(TlsSession.class).serverName()).isEqualTo(sni);
        connection.send(WebSocketMessage.text("hello"));
        atClient.expect("connect", "message Text[5 bytes]");
        assertThat(client.isConnected()).isTrue();
      }
    }
  }

  private Server start(String host, Tls.Builder tls) {
    WebSocketServerBuilder sockets =
        WebSocketProtocol.server()
            .hosts(host)
            .onUpgrade(
                request -> {
                  upgrade.complete(request);
                  return CompletableFuture.completedFuture(HttpResponse.accept());
                });
    return Server.builder(sockets.build(), atServer)
        .plugin(tls.build())
        .listen("tcp://127.0.0.1:0")
        .start();
  }

  @ParameterizedTest
  @CsvSource({
    "ws://my%20service, 'host: my service'",
    "ws://a%FFb, host: a\uFFFDb",
    "ws://127.1:80, host: 127.1",
    "ws://-a, host: -a",
  })
  void uriWithoutAHostNameIsRefused(String uri, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> WebSocketProtocol.client(URI.create(uri)))
        .withMessage(message + " (expected: a name of letters, digits, - and _, or an IP address)");
  }

  @ParameterizedTest
  @CsvSource({
    "ws://my_service:0, port: 0 (expected: 1..65535)",
    "ws://my_service:65536, port: 65536 (expected: 1..65535)",
    "ws://localhost:9999999999, port: 9999999999 (expected: 1..65535)",
    "ws://my_service:http, authority: my_service:http (expected: host or host:port)",
    "ws://straße.example, 'host: straße.example with U+00DF at index 4"
        + " (expected: the form in ASCII, xn--...)'",
  })
  void uriWithAWrongHostOrPortIsRefused(String uri, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> WebSocketProtocol.client(URI.create(uri)))
        .withMessage(message);
  }

  @Test
  void portOfTheSchemeIsTheDefault() {
    assertThat(WebSocketProtocol.client(URI.create("wss://my_service")).address())
        .isEqualTo("tcp://my_service:443");
    assertThat(WebSocketProtocol.client(URI.create("ws://bücher.example:")).address())
        .isEqualTo("tcp://xn--bcher-kva.example:80");
  }

  private static int status(Server server, String request) throws IOException {
    try (HttpPeer peer = HttpPeer.connect(server)) {
      return peer.write(request).read().status();
    }
  }

  @Test
  void originIsThatOfTheHostInEveryForm() throws Exception {
    WebSocketServerBuilder sockets = WebSocketProtocol.server().origins("https://Bücher.example");
    try (Server server =
        Server.builder(sockets.build(), atServer).listen("tcp://127.0.0.1:0").start()) {
      String origin = "Origin: https://xn--bcher-kva.example";
      assertThat(status(server, HttpPeer.handshake(origin))).isEqualTo(101);
      assertThat(status(server, HttpPeer.handshake(origin + ":444"))).isEqualTo(403);
    }
  }

  @Test
  void portOfTheHostMayBeEmpty() throws Exception {
    WebSocketServerBuilder sockets = WebSocketProtocol.server().hosts("server.example.com");
    try (Server server =
        Server.builder(sockets.build(), atServer).listen("tcp://127.0.0.1:0").start()) {
      String request =
          HttpPeer.handshake("Origin: http://server.example.com")
              .replace("Host: server.example.com", "Host: server.example.com:");
      assertThat(request).contains("\r\nHost: server.example.com:\r\n");
      assertThat(status(server, request)).isEqualTo(101);
      assertThat(status(server, request.replace("http://server", "http://other"))).isEqualTo(403);
    }
  }

  @Test
  void configuredHostIsAHostName() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> WebSocketProtocol.server().hosts("example.com:80"))
        .withMessage(
            "host: example.com:80"
                + " (expected: a name of letters, digits, - and _, or an IP address)");
  }

  @ParameterizedTest
  @CsvSource({
    "bücher.example, xn--bcher-kva.example",
    "my_service, MY_service.",
    "::1, [0:0:0:0:0:0:0:1]:80",
    "a.example., a.example:80"
  })
  void serverKnowsItsHostsInEveryForm(String configured, String header) throws Exception {
    WebSocketServerBuilder sockets = WebSocketProtocol.server().hosts(configured);
    String request = HttpPeer.handshake();
    try (Server server =
        Server.builder(sockets.build(), atServer).listen("tcp://127.0.0.1:0").start()) {
      assertThat(status(server, request.replace("server.example.com", header))).isEqualTo(101);
      assertThat(status(server, request)).isEqualTo(421);
    }
  }
}
