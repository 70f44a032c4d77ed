package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CloseReason;
import dev.jev.Eventually;
import dev.jev.LogCapture;
import dev.jev.NettyVersion;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import io.netty.buffer.ByteBufAllocatorMetric;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSessionContext;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Tests malicious input, byte by byte. */
class TlsAbuseTest {

  private static final String SPLIT_HELLO = "a ClientHello in several records is misread";
  private static final String TOO_MANY_SILENT =
      "records without data: too many or too long "
          + "(expected: <= 32 of 256 bytes, and 1 per 65536 bytes of data)";

  @TempDir static Path directory;
  private static Certificates certificates;
  private static TlsIdentity localhost;
  private static TlsIdentity any;

  private final Recorder<String, String> recorder =
      new Recorder<>((connection, message) -> connection.send(message));
  private final CloseReasons reasons = new CloseReasons();
  private final LogCapture log = new LogCapture("dev.jev");
  private final LogCapture nettyLog = new LogCapture("io.netty");
  private Tls tls;
  private @Nullable Server server;

  @BeforeAll
  static void certify() throws Exception {
    certificates = new Certificates(directory);
    localhost = certificates.pem("localhost");
    any = certificates.pem("any.example.com");
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    log.close();
    nettyLog.close();
    assertThat(log.messages("")).filteredOn(text -> !text.startsWith("TLS ")).isEmpty();
    assertThat(nettyLog.messages("")).isEmpty();
    recorder.expectNothingMore();
    reasons.expectNothingMore();
  }

  private RawPeer connect(Tls.Provider provider) throws IOException {
    tls =
        Tls.server()
            .provider(provider)
            .identity(localhost)
            .identity("*.example.com", any)
            .handshakeTimeout(Duration.ofMinutes(1))
            .build();
    server =
        Server.builder(Texts::new, recorder)
            .plugin(reasons)
            .plugin(tls)
            .listen("tcp://127.0.0.1:0")
            .eventLoops(1)
            .blockedLoopThreshold(Duration.ofSeconds(10)) // the machine may be busy
            .start();
    return RawPeer.connect(server);
  }

  private static byte[] bytes(String hex) {
    return ByteBufUtil.decodeHexDump(hex.replace(" ", ""));
  }

  private static byte[] clientHello(String host) throws Exception {
    return new EnginePeer(certificates.clientContext(null), host).wrap();
  }

  @ParameterizedTest
  @CsvSource({
    "JDK,'GET / HTTP/1.1\r\n\r\n',71",
    "BORINGSSL,'GET / HTTP/1.1\r\n\r\n',71",
    "JDK,x,120"
  })
  void plaintextIsAnsweredWithAnAlert(Tls.Provider provider, String text, int first)
      throws Exception {
    try (RawPeer peer = connect(provider)) {
      peer.write(text.getBytes(StandardCharsets.US_ASCII));
      assertThat(peer.readAll()).isEqualTo(bytes("15 0303 0002 02 0a")); // unexpected_message
    }
    reasons.expect("PROTOCOL_ERROR: first byte: " + first + " (expected: 22, a TLS handshake)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "80 2e 01        | 0a | first byte: 128 (expected: 22, a TLS handshake)", // SSL 2
        "16 02           | 46 | major record version: 2 (expected: 3)",
        "16 0301 0000    | 16 | record length: 0 bytes (expected: 1..16384)",
        "16 0301 4001    | 16 | record length: 16385 bytes (expected: 1..16384)",
        "16 0301 ffff    | 16 | record length: 65535 bytes (expected: 1..16384)",
        "16 0301 0100 02 | 0a | handshake message type: 2 (expected: 1, ClientHello)",
        "16 0301 0100 01 ffffff | 2f | ClientHello length: 16777215 bytes (expected: <= 16384)",
        "16 0301 0100 01 004001 | 2f | ClientHello length: 16385 bytes (expected: <= 16384)",
      })
  void wrongBeginningIsRefusedAtOnce(String sent, String alert, String why) throws Exception {
    for (Tls.Provider provider : List.of(Tls.Provider.JDK, Tls.Provider.BORINGSSL)) {
      try (RawPeer peer = connect(provider)) {
        peer.write(bytes(sent));
        assertThat(peer.readAll()).isEqualTo(bytes("15 0303 0002 02" + alert));
      }
      reasons.expect("PROTOCOL_ERROR: " + why);
      server.close();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void lengthOf16MebibytesInSmallRecordsIsRefusedAtOnce(Tls.Provider provider) throws Exception {
    NettyVersion.assumeAtLeast("4.2.17", SPLIT_HELLO);
    try (RawPeer peer = connect(provider)) {
      peer.write(bytes("16 0301 0001 01" + "16 0301 0001 ff" + "16 0301 0001 ff"));
      peer.write(bytes("16 0301 0001 ff")).expectEnd();
    }
    reasons.expect(
        "PROTOCOL_ERROR: TLS: io.netty.handler.codec.TooLongFrameException:"
            + " ClientHello length exceeds 16384: 16777215");
  }

  /** Returns a message of 16 KiB in records of one byte, six bytes per record. */
  private static byte[] drip(int records) {
    byte[] header = bytes("160301000101 160301000100 160301000140 160301000100");
    byte[] drip = Arrays.copyOf(header, header.length + 6 * records);
    for (int i = header.length; i < drip.length; i += 6) {
      System.arraycopy(bytes("160301000100"), 0, drip, i, 6);
    }
    return drip;
  }

  @Test
  void drippedClientHelloUsesLittleMemory() throws Exception {
    NettyVersion.assumeAtLeast("4.2.17", SPLIT_HELLO);
    UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(/* preferDirect= */ true);
    EmbeddedChannel channel = new EmbeddedChannel();
    channel.config().setAllocator(allocator);
    TlsContexts contexts = Tls.server().identity(localhost).build().contexts();
    channel.pipeline().addLast(new ClientHelloReader(contexts));
    long most = 0;
    byte[] drip = drip(4000);
    for (int i = 0; i < drip.length; i += 12) {
      channel.writeInbound(allocator.ioBuffer(2048).writeBytes(drip, i, 12));
      ByteBufAllocatorMetric metric = allocator.metric();
      most = Math.max(most, metric.usedDirectMemory() + metric.usedHeapMemory());
    }
    assertThat(most).isBetween(24 * 1024L, 64 * 1024L);
    channel.finishAndReleaseAll();
    assertThat(allocator.metric().usedDirectMemory()).isZero();
    assertThat(allocator.metric().usedHeapMemory()).isZero();
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void drippedClientHelloIsRefusedAtTheLimit(Tls.Provider provider) throws Exception {
    NettyVersion.assumeAtLeast("4.2.17", SPLIT_HELLO);
    try (RawPeer peer = connect(provider)) {
      peer.write(drip(4000)).write(drip(200));
      assertThat(peer.readAll()).isEqualTo(bytes("15 0303 0002 02 2f")); // illegal_parameter
    }
    CloseReason end = reasons.next();
    assertThat(end.kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    assertThat(end.cause())
        .hasMessageMatching("ClientHello records: \\d+ bytes \\(expected: <= 24576\\)");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void recordsOfOneByteMakeAClientHello(Tls.Provider provider) throws Exception {
    NettyVersion.assumeAtLeast("4.2.17", SPLIT_HELLO);
    try (RawPeer peer = connect(provider)) {
      byte[] hello = clientHello("www.example.com");
      ByteArrayOutputStream records = new ByteArrayOutputStream();
      for (int i = 5; i < hello.length; i++) {
        records.writeBytes(new byte[] {22, 3, 1, 0, 1, hello[i]});
      }
      peer.write(records.toByteArray());
      // The JDK's engine requires a complete message header in a record, and sends an alert.
      assertThat(peer.read()).isIn(22, 21);
    }
    assertThat(reasons.next()).isNotNull();
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void nameIsTheSameAtEachSplitOfTheClientHello(Tls.Provider provider) throws Exception {
    connect(provider).close();
    reasons.next();
    int length = clientHello("www.example.com").length;
    for (int split = 1; split < length; split += split < 20 ? 1 : 7) {
      try (RawPeer peer = RawPeer.connect(server)) {
        EnginePeer engine = new EnginePeer(certificates.clientContext(null), "www.example.com");
        byte[] hello = engine.wrap();
        peer.write(Arrays.copyOf(hello, split));
        peer.write(Arrays.copyOfRange(hello, split, hello.length));
        engine.finishHandshake(peer);
        assertThat(recorder.connection().attribute(TlsSession.class).serverName())
            .as("split at %s", split)
            .isEqualTo("www.example.com");
        assertThat(engine.serverCertificate()).isEqualTo("CN=any.example.com");
        recorder.expect("connect");
        peer.write(engine.closeNotify());
      }
      recorder.expect("close PEER_CLOSED");
      reasons.expect("PEER_CLOSED");
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void serverNamesAreNotCached(Tls.Provider provider) throws Exception {
    connect(provider).close();
    reasons.next();
    SSLContext client = certificates.clientContext(null);
    for (int i = 0; i < 200; i++) {
      try (RawPeer peer = RawPeer.connect(server)) {
        peer.write(new EnginePeer(client, "host-" + i + ".example.com").wrap());
        assertThat(peer.read()).isEqualTo(22);
        peer.reset();
      }
      reasons.next();
    }
    SSLSessionContext sessions = tls.contexts().contextFor("host-1.example.com").sessionContext();
    assertThat(Collections.list(sessions.getIds())).isEmpty();
    assertThat(sessions.getSessionCacheSize()).isEqualTo(10_000);
    assertThat(tls.contexts().contextFor("host-1.example.com"))
        .isSameAs(tls.contexts().contextFor("host-2.example.com"));
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void renegotiationIsRefused(Tls.Provider provider) throws Exception {
    connect(provider).close();
    reasons.next();
    try (TlsPeer peer =
        TlsPeer.connect(server, certificates.clientContext(null), TlsPeer.protocol("TLSv1.2"))) {
      assertThat(peer.send("hi").receive()).isEqualTo("hi");
      peer.handshake(); // a second handshake
      assertThatThrownBy(peer::read)
          .isInstanceOf(SSLException.class)
          .hasMessageEndingWith("Received close_notify during handshake");
    }
    recorder.expect("connect", "message hi", "close PROTOCOL_ERROR");
    reasons.expect("PROTOCOL_ERROR: peer began a second handshake; renegotiation is refused");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void tooLongRecordIsRefusedAtOnce(Tls.Provider provider) throws Exception {
    try (RawPeer peer = connect(provider)) {
      new EnginePeer(certificates.clientContext(null), "localhost").handshake(peer);
      recorder.expect("connect");
      peer.write(bytes("17 0303 4801")).readAll();
    }
    recorder.expect("close PROTOCOL_ERROR");
    reasons.expect("PROTOCOL_ERROR: record length: 18433 bytes (expected: <= 18432)");
  }

  @ParameterizedTest
  @EnumSource(names = {"JDK", "BORINGSSL"})
  void garbageInARecordIsRefused(Tls.Provider provider) throws Exception {
    try (RawPeer peer = connect(provider)) {
      new EnginePeer(certificates.clientContext(null), "localhost").handshake(peer);
      recorder.expect("connect");
      peer.write(bytes("17 0303 0020" + "00".repeat(32))).readAll();
    }
    recorder.expect("close PROTOCOL_ERROR");
    CloseReason end = reasons.next();
    assertThat(end.kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    assertThat(end.cause()).hasMessageStartingWith("TLS: ");
  }

  @ParameterizedTest
  @CsvSource({"JDK,1", "JDK,200", "JDK,1000", "BORINGSSL,1", "BORINGSSL,200", "BORINGSSL,1000"})
  void resetInTheMiddleOfTheHandshakeIsNotLogged(Tls.Provider provider, int bytes)
      throws Exception {
    try (RawPeer peer = connect(provider)) {
      byte[] hello = clientHello("localhost");
      peer.write(Arrays.copyOf(hello, Math.min(bytes, hello.length)));
      if (bytes >= hello.length) {
        assertThat(peer.read()).isEqualTo(22);
      }
      Eventually.holds("connection", () -> server.connectionCount() == 1);
      peer.reset();
    }
    assertThat(reasons.next().kind()).isEqualTo(CloseReason.Kind.IO_ERROR);
  }

  @ParameterizedTest
  @CsvSource({"JDK,0", "JDK,100", "BORINGSSL,0", "BORINGSSL,100"})
  void endInTheMiddleOfTheHandshakeIsTruncation(Tls.Provider provider, int bytes) throws Exception {
    try (RawPeer peer = connect(provider)) {
      peer.write(Arrays.copyOf(clientHello("localhost"), bytes)).shutdownOutput().readAll();
    }
    reasons.expect(
        "IO_ERROR: javax.net.ssl.SSLException: "
            + "peer ended its output without close_notify; the input may be truncated");
  }

  private RawPeer established(Tls.Provider provider, EnginePeer[] engine) throws Exception {
    RawPeer peer = connect(provider);
    engine[0] = new EnginePeer(certificates.clientContext(null), "localhost").handshake(peer);
    peer.write(engine[0].wrap(RawPeer.frames("hello")));
    recorder.expect("connect", "message hello");
    return peer;
  }

  @ParameterizedTest
  @EnumSource(
      value = Tls.Provider.class,
      names = {"JDK", "BORINGSSL"})
  void keyUpdatesWithoutDataAreRefused(Tls.Provider provider) throws Exception {
    EnginePeer[] engine = new EnginePeer[1];
    try (RawPeer peer = established(provider, engine)) {
      ByteArrayOutputStream updates = new ByteArrayOutputStream();
      for (int i = 0; i < 40; i++) {
        updates.writeBytes(engine[0].keyUpdate());
      }
      peer.write(updates.toByteArray()).readAll();
    }
    recorder.expect("close PROTOCOL_ERROR");
    CloseReason end = reasons.next();
    assertThat(end.kind()).isEqualTo(CloseReason.Kind.PROTOCOL_ERROR);
    if (provider == Tls.Provider.JDK) {
      assertThat(end.cause()).hasMessage(TOO_MANY_SILENT);
    }
  }

  /**
   * The JDK's engine reads all of them at once. BoringSSL refuses the second one. The record might
   * be a padded one, as OpenSSL sends them if it is told to, so it is not refused at once.
   */
  @Test
  void recordOfManyKeyUpdatesCountsAsSeveral() throws Exception {
    EnginePeer[] engine = new EnginePeer[1];
    try (RawPeer peer = established(Tls.Provider.JDK, engine)) {
      peer.write(engine[0].recordOfKeyUpdates(3000));
      peer.write(engine[0].wrap(RawPeer.frames("after")));
      recorder.expect("message after");
      ByteArrayOutputStream updates = new ByteArrayOutputStream();
      for (int i = 0; i < 20; i++) { // alone not too many
        updates.writeBytes(engine[0].keyUpdate());
      }
      peer.write(updates.toByteArray()).readAll();
    }
    recorder.expect("close PROTOCOL_ERROR");
    assertThat(reasons.next().cause()).hasMessage(TOO_MANY_SILENT);
  }

  @Test
  void keyUpdatesBetweenDataAreNotRefused() throws Exception {
    EnginePeer[] engine = new EnginePeer[1];
    String text = "x".repeat(30_000);
    try (RawPeer peer = established(Tls.Provider.JDK, engine)) {
      CompletableFuture<byte[]> echoes = CompletableFuture.supplyAsync(() -> readAll(peer));
      for (int i = 0; i < 40; i++) {
        peer.write(engine[0].keyUpdate());
        for (int n = 0; n < 3; n++) {
          peer.write(engine[0].wrap(RawPeer.frames(text)));
          recorder.expect("message " + text);
        }
      }
      peer.write(engine[0].closeNotify());
      recorder.expect("close PEER_CLOSED");
      assertThat(echoes.get()).hasSizeGreaterThan(40 * 90_000);
    }
    assertThat(reasons.next().kind()).isEqualTo(CloseReason.Kind.PEER_CLOSED);
  }

  private static byte[] readAll(RawPeer peer) {
    try {
      return peer.readAll();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
