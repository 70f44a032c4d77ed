package dev.jev.plugin;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CloseReason;
import dev.jev.Eventually;
import dev.jev.LogCapture;
import dev.jev.Plugin;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.pkitesting.X509Bundle;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Tests that refused clients are counted, logged and reported, and other clients are not. */
class TlsRefusalTest {

  private record Refusal(SocketAddress peer, CloseReason reason) {}

  @TempDir static Path directory;
  private static Certificates certificates;
  private static TlsIdentity localhost;

  private final BlockingQueue<Refusal> refusals = new LinkedBlockingQueue<>();
  private final CloseReasons reasons = new CloseReasons();
  private final LogCapture log = new LogCapture("dev.jev");
  private final Recorder<String, String> recorder =
      new Recorder<>((connection, message) -> connection.send(message));
  private Tls tls;
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
    assertThat(refusals).isEmpty();
    reasons.expectNothingMore();
  }

  private void start(Tls.Builder builder, Plugin... others) {
    tls =
        builder
            .identity(localhost)
            .onRefused((peer, reason) -> refusals.add(new Refusal(peer, reason)))
            .build();
    Server.Builder<String, String> server =
        Server.builder(Texts::new, recorder)
            .plugin(tls)
            .plugin(reasons) // called last, when everything else is done
            .listen("tcp://127.0.0.1:0")
            .blockedLoopThreshold(Duration.ofSeconds(10)); // the machine may be busy
    List.of(others).forEach(server::plugin);
    this.server = server.start();
  }

  private void expectRefusal(SocketAddress peer, String message) throws Exception {
    expectRefusal(peer, message, new Tls.Handshakes(0, 1, 0, 0));
  }

  private void expectRefusal(SocketAddress peer, String message, Tls.Handshakes counted)
      throws Exception {
    CloseReason reason = reasons.next();
    assertThat(refusals.poll(10, TimeUnit.SECONDS)).isEqualTo(new Refusal(peer, reason));
    assertThat(tls.handshakes()).isEqualTo(counted);
    assertThat(log.messages("refused"))
        .singleElement()
        .asString()
        .matches("TLS client " + peer + " refused: " + message);
  }

  private void expectNoRefusal(Tls.Handshakes counted) {
    assertThat(refusals).isEmpty();
    assertThat(tls.handshakes()).isEqualTo(counted);
    assertThat(log.messages("refused")).isEmpty();
  }

  private TlsPeer connect(@Nullable X509Bundle certificate) throws Exception {
    return TlsPeer.connect(
        server, certificates.clientContext(certificate), TlsPeer.protocol("TLSv1.2"));
  }

  @Test
  void clientWithoutTlsIsRefused() throws Exception {
    start(Tls.server());
    SocketAddress address;
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.write("GET / HTTP/1.1\r\n\r\n".getBytes(US_ASCII)).readAll();
      address = peer.socket().getLocalSocketAddress();
    }
    expectRefusal(address, "first byte: 71 \\(expected: 22, a TLS handshake\\)");
  }

  @ParameterizedTest
  @CsvSource({
    "JDK, 'TLS: .*TLSv?1.2.*'",
    "BORINGSSL, 'TLS: .*error:.*UNSUPPORTED_PROTOCOL'",
  })
  void clientWithAnOldVersionIsRefused(Tls.Provider provider, String message) throws Exception {
    start(Tls.server().provider(provider).protocols("TLSv1.3"));
    try (TlsPeer peer = connect(null)) {
      SocketAddress address = peer.raw().socket().getLocalSocketAddress();
      assertThatThrownBy(peer::handshake).isNotNull();
      expectRefusal(address, message);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "JDK, 'TLS: .*Empty .*certificate chain'",
    "BORINGSSL, 'TLS: .*error:.*PEER_DID_NOT_RETURN_A_CERTIFICATE'",
  })
  void clientWithoutACertificateIsRefused(Tls.Provider provider, String message) throws Exception {
    start(
        Tls.server()
            .provider(provider)
            .needClientCertificate()
            .trustPem(certificates.authorityPem()));
    try (TlsPeer peer = connect(null)) {
      SocketAddress address = peer.raw().socket().getLocalSocketAddress();
      assertThatThrownBy(peer::handshake).isNotNull();
      expectRefusal(address, message);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void clientWithACertificateThatIsNotTrustedIsRefused(
      Tls.Provider provider, @TempDir Path elsewhere) throws Exception {
    start(
        Tls.server()
            .provider(provider)
            .needClientCertificate()
            .trustPem(certificates.authorityPem()));
    try (TlsPeer peer = connect(new Certificates(elsewhere).issue("stranger"))) {
      SocketAddress address = peer.raw().socket().getLocalSocketAddress();
      assertThatThrownBy(peer::handshake).isNotNull();
      expectRefusal(address, "TLS: .*SignatureException: Signature does not match.");
    }
  }

  @ParameterizedTest
  @CsvSource({"PT0.1S, PT10S", "PT10S, PT0.1S"})
  void silentClientIsRefused(Duration ofThePlugin, Duration ofTheServer) throws Exception {
    tls =
        Tls.server()
            .identity(localhost)
            .handshakeTimeout(ofThePlugin)
            .onRefused((peer, reason) -> refusals.add(new Refusal(peer, reason)))
            .build();
    server =
        Server.builder(Texts::new, recorder)
            .plugin(tls)
            .plugin(reasons)
            .handshakeTimeout(ofTheServer)
            .listen("tcp://127.0.0.1:0")
            .start();
    SocketAddress address;
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.expectEnd();
      address = peer.socket().getLocalSocketAddress();
    }
    expectRefusal(address, "the handshake took too long", new Tls.Handshakes(0, 0, 1, 0));
  }

  @Test
  void clientThatLeavesIsNotRefused() throws Exception {
    AtomicInteger installed = new AtomicInteger();
    Plugin counter =
        new Plugin() {
          @Override
          public @Nullable Observer install(Link link) {
            installed.incrementAndGet();
            return null;
          }
        };
    start(Tls.server(), counter);
    RawPeer.connect(server).close();
    assertThat(reasons.next().kind()).isEqualTo(CloseReason.Kind.IO_ERROR);
    int before = installed.get();
    RawPeer peer = RawPeer.connect(server).write(new byte[] {22, 3});
    Eventually.holds("its handlers are there", () -> installed.get() > before);
    peer.reset();
    assertThat(reasons.next().kind()).isEqualTo(CloseReason.Kind.IO_ERROR);
    expectNoRefusal(new Tls.Handshakes(0, 0, 0, 2));
  }

  @ParameterizedTest
  @CsvSource({
    "JDK, TLSv1.2, 0",
    "JDK, TLSv1.3, 0",
    "JDK, TLSv1.3, 90",
    "BORINGSSL, TLSv1.2, 0",
    "BORINGSSL, TLSv1.3, 0",
    "BORINGSSL, TLSv1.3, 90"
  })
  void clientThatClosesDuringTheHandshakeIsNotRefused(
      Tls.Provider provider, String version, byte alert) throws Exception {
    start(Tls.server().provider(provider).protocols(version));
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.write(new EnginePeer(certificates.clientContext(null), "localhost").wrap());
      peer.read(5); // of the answer
      peer.write(new byte[] {21, 3, 3, 0, 2, 1, alert}).readAll();
    }
    assertThat(reasons.next().toString()).isEqualTo("PEER_CLOSED");
    expectNoRefusal(new Tls.Handshakes(0, 0, 0, 1));
  }

  /** A plugin that fails all writes, as a socket does whose peer has reset the connection. */
  private static final class BrokenPipe implements Plugin {
    @Override
    public Observer install(Link link) {
      link.pipeline()
          .addFirst(
              new ChannelOutboundHandlerAdapter() {
                @Override
                public void write(ChannelHandlerContext ctx, Object bytes, ChannelPromise promise) {
                  ReferenceCountUtil.release(bytes);
                  promise.setFailure(new IOException("Broken pipe"));
                }
              });
      return new Observer() {};
    }
  }

  @ParameterizedTest
  @CsvSource({"JDK, TLSv1.2", "JDK, TLSv1.3", "BORINGSSL, TLSv1.2", "BORINGSSL, TLSv1.3"})
  void clientThatCannotBeAnsweredIsNotRefused(Tls.Provider provider, String version)
      throws Exception {
    start(Tls.server().provider(provider).protocols(version), new BrokenPipe());
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.write(new EnginePeer(certificates.clientContext(null), "localhost").wrap()).readAll();
    }
    assertThat(reasons.next().toString()).isEqualTo("IO_ERROR: java.io.IOException: Broken pipe");
    expectNoRefusal(new Tls.Handshakes(0, 0, 0, 1));
  }

  @Test
  void clientIsNotRefusedAfterTheHandshake() throws Exception {
    start(Tls.server().optional());
    try (TlsPeer peer = connect(null).handshake()) {
      peer.raw().write(new byte[] {1, 2, 3, 4, 5}).readAll();
    }
    assertThat(reasons.next().kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    try (RawPeer plain = RawPeer.connect(server)) {
      plain.write(RawPeer.length(-1)).readAll();
    }
    assertThat(reasons.next().kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    expectNoRefusal(new Tls.Handshakes(1, 0, 0, 0));
  }

  @Test
  void clientThatAnEarlierPluginRefusesIsNotCounted() throws Exception {
    start(Tls.server(), ProxyProtocol.required("127.0.0.1"));
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.write("GET / HTTP/1.1\r\n\r\n".getBytes(US_ASCII)).readAll();
    }
    assertThat(reasons.next().kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    expectNoRefusal(new Tls.Handshakes(0, 0, 0, 0));
  }

  @Test
  void handshakeThatTheServerBreaksOffIsNotCounted() throws Exception {
    start(Tls.server());
    try (RawPeer peer = RawPeer.connect(server)) {
      peer.write(new byte[] {22, 3});
      Eventually.holds("it is accepted", () -> server.connectionCount() == 1);
      server.stop(Duration.ZERO);
      peer.expectEnd();
    }
    assertThat(reasons.next().kind()).isEqualTo(CloseReason.Kind.SERVER_STOPPED);
    expectNoRefusal(new Tls.Handshakes(0, 0, 0, 0));
  }

  @Test
  void oneLinePerSecondIsLogged() throws Exception {
    start(Tls.server());
    long start = System.nanoTime();
    for (int i = 0; i < 20; i++) {
      try (RawPeer peer = RawPeer.connect(server)) {
        peer.write(new byte[] {1}).readAll();
      }
      reasons.next();
    }
    long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start);
    assertThat(tls.handshakes().refused()).isEqualTo(20);
    assertThat(refusals).hasSize(20);
    refusals.clear();
    assertThat((long) log.messages("refused").size()).isBetween(1L, 1 + seconds);
  }
}
