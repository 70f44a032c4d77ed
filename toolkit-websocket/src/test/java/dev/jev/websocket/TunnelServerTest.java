package dev.jev.websocket;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.Eventually;
import dev.jev.Handler;
import dev.jev.Protocol;
import dev.jev.Server;
import dev.jev.Topic;
import dev.jev.codec.FirstBytes;
import dev.jev.codec.Multiplexer;
import dev.jev.codec.Protocols;
import dev.jev.plugin.Tls;
import dev.jev.plugin.TlsIdentity;
import dev.jev.test.Hex;
import dev.jev.test.Recorder;
import io.netty.buffer.ByteBuf;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One handler for TCP, TLS, unix sockets and WebSocket, over real sockets. */
@Timeout(60)
class TunnelServerTest {

  private static final Duration LINGER = Duration.ofMillis(50);

  /** Serves a protocol on one port, as it is and inside WebSocket. */
  private static <I, O> Server.Builder<Object, Object> both(
      Supplier<? extends Protocol<I, O>> protocol, Handler<I, O> handler) {
    Multiplexer port =
        Multiplexer.builder()
            .when(FirstBytes.http(), WebSocketProtocol.server().tunnel(protocol), handler)
            .otherwise(protocol, handler)
            .build();
    return Server.builder(port::protocol, port.handler())
        .listen("tcp://127.0.0.1:0")
        .lingeringCloseTimeout(LINGER);
  }

  private static WebSocketClientBuilder sockets(Server server, String scheme) {
    return WebSocketProtocol.client(URI.create(scheme + "://localhost:" + server.port() + "/"));
  }

  private static <I, O> Client.Builder<I, O> client(
      Supplier<? extends Protocol<I, O>> protocol, Handler<I, O> handler) {
    return Client.builder(protocol, handler).lingeringCloseTimeout(LINGER);
  }

  @Test
  void oneHandlerServesTcpTlsUnixSocketsAndBrowsers(@TempDir Path directory) throws Exception {
    X509Bundle bundle =
        new CertificateBuilder()
            .ecp256()
            .subject("CN=localhost")
            .addSanDnsName("localhost")
            .setIsCertificateAuthority(true)
            .buildSelfSigned();
    Path certificate = directory.resolve("certificate.pem");
    Files.writeString(certificate, bundle.getCertificatePEM());
    Path key = directory.resolve("key.pem");
    Files.writeString(key, bundle.getPrivateKeyPEM());
    Path unix = directory.resolve("s");
    try (Server server =
        both(Protocols::lines, Handler.<String, String>replying(line -> "re: " + line))
            .plugin(Tls.server().identity(TlsIdentity.pem(certificate, key)).optional().build())
            .listen("unix://" + unix)
            .start()) {
      Tls tls = Tls.client().trustPem(certificate).build();
      var ws = sockets(server, "ws").tunnel(Protocols::lines);
      var wss = sockets(server, "wss").tunnel(Protocols::lines);
      String tcp = "tcp://localhost:" + server.port();
      expectReply(Protocols::lines, null, tcp);
      expectReply(Protocols::lines, null, "unix://" + unix);
      expectReply(Protocols::lines, tls, tcp);
      expectReply(ws, null, tcp);
      expectReply(wss, tls, tcp);
      expectReply(ws, null, "unix://" + unix);
    }
  }

  @SuppressWarnings("try") // the client is only to be there
  private static void expectReply(
      Supplier<? extends Protocol<String, String>> protocol, @Nullable Tls tls, String uri)
      throws Exception {
    Recorder<String, String> recorder = Recorder.silent();
    Client.Builder<String, String> builder = client(protocol, recorder);
    if (tls != null) {
      builder.plugin(tls);
    }
    try (Client<String> client = builder.connect(uri)) {
      recorder.connection().send("one");
      recorder.expect("connect", "message re: one");
    }
    recorder.expect("close CLOSED");
  }

  @Test
  void topicPacksOncePerRepresentation() throws Exception {
    Topic<String> topic = Topic.of("news");
    AtomicInteger packed = new AtomicInteger();
    Handler<String, String> subscribing =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            topic.subscribe(connection);
          }

          @Override
          public void onMessage(Connection<String> connection, String message) {}
        };
    // The topic's type is that of the handler, so this server has no multiplexer.
    Supplier<GreetedLines> lines = () -> new GreetedLines(packed);
    try (Server tcp = server(lines, subscribing);
        Server web = server(WebSocketProtocol.server().tunnel(lines), subscribing)) {
      List<Client<String>> clients = new ArrayList<>();
      List<Recorder<String, String>> recorders = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        Recorder<String, String> recorder = Recorder.silent();
        Supplier<? extends Protocol<String, String>> protocol =
            i < 3 ? GreetedLines::new : sockets(web, "ws").tunnel(GreetedLines::new);
        clients.add(
            client(protocol, recorder).connect("tcp://localhost:" + (i < 3 ? tcp : web).port()));
        recorder.expect("connect");
        recorders.add(recorder);
      }
      Eventually.holds("all have subscribed", () -> topic.size() == 6);
      topic.publish("news");
      for (Recorder<String, String> recorder : recorders) {
        recorder.expect("message news");
      }
      assertThat(packed).hasValue(2);
      clients.forEach(Client::close);
    }
  }

  private static Server server(
      Supplier<? extends Protocol<String, String>> protocol, Handler<String, String> handler) {
    return Server.builder(protocol, handler)
        .listen("tcp://127.0.0.1:0")
        .eventLoops(1)
        .lingeringCloseTimeout(LINGER)
        .start();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void bytesOfAnyLengthComeBack(boolean compressed) throws Exception {
    Random random = new Random(1);
    byte[] sent = new byte[3_000_000];
    random.nextBytes(sent);
    WebSocketServerBuilder builder = WebSocketProtocol.server();
    Supplier<Protocol<ByteBuf, ByteBuf>> protocol =
        (compressed ? builder.compression() : builder).tunnel(Protocols::lengthPrefixed);
    try (Server server =
        Server.<ByteBuf, ByteBuf>builder(protocol, Connection::send)
            .listen("tcp://127.0.0.1:0")
            .maxFrameBytes(1 << 23)
            .lingeringCloseTimeout(LINGER)
            .start()) {
      WebSocketClientBuilder sockets = sockets(server, "ws");
      CompletableFuture<byte[]> received = new CompletableFuture<>();
      try (Client<byte[]> client =
          client(
                  (compressed ? sockets.compression() : sockets)
                      .tunnel(() -> Protocols.byteArrays(Protocols.lengthPrefixed())),
                  (Connection<byte[]> connection, byte[] bytes) -> received.complete(bytes))
              .maxFrameBytes(1 << 23)
              .connect(sockets.address())) {
        client.connected().toCompletableFuture().get(20, SECONDS).send(sent);
        assertThat(received.get(20, SECONDS)).isEqualTo(sent);
      }
    }
  }

  @Test
  void peerThatDoesNotReadIsNotReadFrom() throws Exception {
    AtomicInteger handled = new AtomicInteger();
    try (Server server =
            both(
                    Protocols::lines,
                    (Connection<String> connection, String line) -> {
                      handled.incrementAndGet();
                      connection.send("x".repeat(10_000));
                    })
                .start();
        HttpPeer peer = HttpPeer.connect(server)) {
      peer.write(HttpPeer.handshake());
      assertThat(peer.read().status()).isEqualTo(101);
      String requests = "82 fe ea60 00000000" + "0a".repeat(60_000);
      peer.raw().write(Hex.bytes(requests));
      Eventually.holds("a request is handled", () -> handled.get() > 0);
      assertThat(handled.get()).isLessThan(10_000); // of 60,000 with 600 MB of replies
      assertThat(server.connectionCount()).isEqualTo(1);
    }
  }
}
