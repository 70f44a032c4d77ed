package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.Connection;
import dev.jev.LogCapture;
import dev.jev.Protocol;
import dev.jev.ProtocolContext;
import dev.jev.RawPeer;
import dev.jev.Recorder;
import dev.jev.Server;
import dev.jev.Texts;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests the PROXY protocol in front of a server, over sockets. */
class ProxyProtocolTest {

  private static final String LINE = "PROXY TCP4 192.0.2.1 198.51.100.1 1000 443\r\n";
  private static final String SIGNATURE = "0d0a0d0a000d0a515549540a";
  private static final String BINARY = SIGNATURE + "2111000cc0000201c633640103e801bb";

  private final Recorder<String, String> recorder =
      new Recorder<>((connection, message) -> connection.send(message));
  private final CloseReasons reasons = new CloseReasons();
  private final LogCapture log = new LogCapture("dev.jev");
  private Duration handshakeTimeout = Duration.ofMinutes(1);
  private @Nullable Server server;

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
    }
    log.close();
    assertThat(log.records()).isEmpty();
    recorder.expectNothingMore();
    reasons.expectNothingMore();
  }

  /** The numbers of the bytes. */
  private static final class Bytes implements Protocol<String, String> {
    @Override
    public @Nullable String unpack(ProtocolContext context, ByteBuf in) {
      return in.isReadable() ? String.valueOf(in.readByte()) : null;
    }

    @Override
    public void pack(String message, ByteBuf out) {}
  }

  private RawPeer connect(ProxyProtocol plugin) throws Exception {
    return connect(plugin, Texts::new);
  }

  private RawPeer connect(ProxyProtocol plugin, Supplier<Protocol<String, String>> protocol)
      throws Exception {
    server =
        Server.builder(protocol, recorder)
            .plugin(reasons) // the stages decide the order
            .plugin(plugin)
            .listen("tcp://127.0.0.1:0")
            .handshakeTimeout(handshakeTimeout)
            .eventLoops(1)
            .start();
    return RawPeer.connect(server);
  }

  private static byte[] bytes(String header) {
    return header.startsWith("PROXY")
        ? header.replace("|", "\r\n").getBytes(StandardCharsets.US_ASCII)
        : ByteBufUtil.decodeHexDump(header);
  }

  private static byte[] concat(byte[] first, byte[] second) {
    byte[] both = new byte[first.length + second.length];
    System.arraycopy(first, 0, both, 0, first.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  /** Sends a text, expects its echo, and closes. */
  private void expectEcho(RawPeer peer) throws Exception {
    assertThat(peer.send("hi").receive()).isEqualTo("hi");
    peer.close();
    recorder.expect("connect", "message hi", "close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
  }

  @ParameterizedTest
  @CsvSource({"PROXY TCP4 192.0.2.1 198.51.100.1 1000 443|", BINARY})
  void connectionHasTheAddressesOfTheHeader(String header) throws Exception {
    RawPeer peer = connect(ProxyProtocol.required("127.0.0.1"));
    peer.write(bytes(header));
    Connection<String> connection = recorder.connection();
    assertThat(connection.remoteAddress()).isEqualTo(new InetSocketAddress("192.0.2.1", 1000));
    assertThat(connection.localAddress()).isEqualTo(new InetSocketAddress("198.51.100.1", 443));
    assertThat(connection.listener()).isEqualTo(server.addresses().get(0));
    ProxyHeader parsed = connection.attribute(ProxyHeader.class);
    assertThat(parsed.proxy()).isEqualTo(peer.socket().getLocalSocketAddress());
    assertThat(parsed.source()).isEqualTo(connection.remoteAddress());
    expectEcho(peer);
  }

  @ParameterizedTest
  @CsvSource({"PROXY UNKNOWN|", "PROXY UNKNOWN 1 2 3 4|", SIGNATURE + "20000000"})
  void connectionKeepsTheAddressesOfTheSocketIfTheHeaderHasNone(String header) throws Exception {
    RawPeer peer = connect(ProxyProtocol.required("127.0.0.1"));
    peer.write(bytes(header));
    Connection<String> connection = recorder.connection();
    assertThat(connection.remoteAddress()).isEqualTo(peer.socket().getLocalSocketAddress());
    assertThat(connection.localAddress()).isEqualTo(peer.socket().getRemoteSocketAddress());
    assertThat(connection.attribute(ProxyHeader.class).source()).isNull();
    expectEcho(peer);
  }

  @ParameterizedTest
  @CsvSource({"PROXY TCP4 192.0.2.1 198.51.100.1 1000 443|", BINARY})
  void noByteBehindTheHeaderIsLost(String header) throws Exception {
    RawPeer peer = connect(ProxyProtocol.optional("127.0.0.1"));
    peer.write(concat(bytes(header), RawPeer.frames("with it")));
    assertThat(peer.receive()).isEqualTo("with it");
    recorder.expect("connect", "message with it");
    assertThat(peer.send("hi").receive()).isEqualTo("hi");
    peer.close();
    recorder.expect("message hi", "close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
  }

  @ParameterizedTest
  @CsvSource({"PROXY TCP4 192.0.2.1 198.51.100.1 1000 443|", BINARY})
  void headerMayComeByteByByte(String header) throws Exception {
    RawPeer peer = connect(ProxyProtocol.optional("127.0.0.1"));
    for (byte one : concat(bytes(header), RawPeer.frames("slow"))) {
      peer.write(new byte[] {one});
    }
    assertThat(peer.receive()).isEqualTo("slow");
    assertThat(recorder.connection().remoteAddress())
        .isEqualTo(new InetSocketAddress("192.0.2.1", 1000));
    peer.close();
    recorder.expect("connect", "message slow", "close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
  }

  @Test
  void optionalHeaderMayBeMissing() throws Exception {
    RawPeer peer = connect(ProxyProtocol.optional("127.0.0.1"));
    peer.send("hi");
    Connection<String> connection = recorder.connection();
    assertThat(connection.remoteAddress()).isEqualTo(peer.socket().getLocalSocketAddress());
    assertThat(connection.attribute(ProxyHeader.class)).isNull();
    assertThat(peer.receive()).isEqualTo("hi");
    peer.close();
    recorder.expect("connect", "message hi", "close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
  }

  @Test
  void optionalHeaderMayBeMissingFromUntrustedPeers() throws Exception {
    expectEcho(connect(ProxyProtocol.optional("10.0.0.0/8")));
  }

  @Test
  void requiredHeaderMustNotBeMissing() throws Exception {
    try (RawPeer peer = connect(ProxyProtocol.required("127.0.0.1"))) {
      peer.write(new byte[] {'G'}).expectEnd();
    }
    reasons.expect("PROTOCOL_ERROR: PROXY header missing at the beginning of the connection");
  }

  @Test
  void untrustedPeerIsRefusedWhereAHeaderIsRequired() throws Exception {
    RawPeer peer = connect(ProxyProtocol.required("10.0.0.0/8", "fd00::/8"));
    Object address = peer.socket().getLocalSocketAddress();
    peer.expectEndAndClose();
    reasons.expect(
        "PROTOCOL_ERROR: peer: " + address + " (expected: one of [10.0.0.0/8, fd00::/8])");
  }

  @ParameterizedTest
  @CsvSource({"PROXY TCP4 192.0.2.1 198.51.100.1 1000 443|", BINARY, "PROXY UNKNOWN|"})
  void headerOfAnUntrustedPeerIsRefused(String header) throws Exception {
    RawPeer peer = connect(ProxyProtocol.optional("10.0.0.0/8"));
    peer.write(concat(bytes(header), RawPeer.frames("behind it")));
    expectRefusedHeader(peer);
  }

  @ParameterizedTest
  @CsvSource({"PROXY TCP4 192.0.2.1 198.51.100.1 1000 443|", BINARY})
  void headerOfAnUntrustedPeerIsRefusedEvenByteByByte(String header) throws Exception {
    RawPeer peer = connect(ProxyProtocol.optional("10.0.0.0/8"), Bytes::new);
    byte[] decisive = Arrays.copyOf(bytes(header), header.startsWith("PROXY") ? 6 : 12);
    recorder.expect("connect");
    for (int i = 0; i < decisive.length - 1; i++) {
      peer.write(new byte[] {decisive[i]});
      recorder.expect("message " + decisive[i]); // nothing waits for more bytes
    }
    peer.write(new byte[] {decisive[decisive.length - 1]});
    expectRefusedHeader(peer);
  }

  private void expectRefusedHeader(RawPeer peer) throws Exception {
    Object address = peer.socket().getLocalSocketAddress();
    peer.expectEndAndClose();
    recorder.await("close PROTOCOL_ERROR");
    reasons.expect(
        "PROTOCOL_ERROR: sender of the PROXY header: "
            + address
            + " (expected: one of [10.0.0.0/8])");
  }

  @Test
  void untrustedPeerThatBeginsLikeAHeaderIsServed() throws Exception {
    RawPeer peer = connect(ProxyProtocol.optional("10.0.0.0/8"), Bytes::new);
    peer.write(new byte[] {'P'});
    recorder.expect("connect", "message 80");
    peer.write(new byte[] {'S'});
    recorder.expect("message 83");
    peer.close();
    recorder.expect("close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
  }

  @Test
  void untrustedPeerIsConnectedBeforeItSpeaks() throws Exception {
    RawPeer peer = connect(ProxyProtocol.optional("10.0.0.0/8"));
    Connection<String> connection = recorder.connection();
    assertThat(connection.remoteAddress()).isEqualTo(peer.socket().getLocalSocketAddress());
    connection.send("welcome");
    assertThat(peer.receive()).isEqualTo("welcome");
    peer.close();
    recorder.expect("connect", "close PEER_CLOSED");
    reasons.expect("PEER_CLOSED");
  }

  @Test
  void trustedPeerThatStaysSilentIsClosed() throws Exception {
    handshakeTimeout = Duration.ofMillis(500);
    try (RawPeer peer = connect(ProxyProtocol.optional("127.0.0.1"))) {
      peer.expectEnd();
    }
    reasons.expect("TIMEOUT");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "PROXY TCP4 x y 1 2|; source address: x (expected: IPv4)",
        SIGNATURE + "2111000dc0000201c633640103e801bbff; last TLV: 1 bytes (expected: >= 3)"
      })
  void malformedHeaderClosesTheConnection(String header, String why) throws Exception {
    try (RawPeer peer = connect(ProxyProtocol.optional("127.0.0.1"))) {
      peer.write(concat(bytes(header), RawPeer.frames("behind it"))).expectEnd();
    }
    reasons.expect("PROTOCOL_ERROR: PROXY header, " + why);
  }

  @Test
  void headerHasALimit() throws Exception {
    try (RawPeer peer = connect(ProxyProtocol.required("127.0.0.1"))) {
      peer.write(ByteBufUtil.decodeHexDump(SIGNATURE + "21110ff1")).expectEnd();
    }
    reasons.expect("PROTOCOL_ERROR: PROXY header: 4097 bytes (expected: <= 4096)");
  }

  @Test
  void limitOfTheHeaderCanBeSet() throws Exception {
    try (RawPeer peer = connect(ProxyProtocol.required("127.0.0.1").maxHeaderBytes(27))) {
      peer.write(ByteBufUtil.decodeHexDump(BINARY)).expectEnd();
    }
    reasons.expect("PROTOCOL_ERROR: PROXY header: 28 bytes (expected: <= 27)");
  }

  @Test
  void headerHasATimeout() throws Exception {
    handshakeTimeout = Duration.ofMillis(500);
    try (RawPeer peer = connect(ProxyProtocol.required("127.0.0.1"))) {
      peer.write(bytes(LINE.substring(0, 20))).expectEnd();
    }
    reasons.expect("TIMEOUT");
  }

  @Test
  void peerMayLeaveBeforeTheHeaderIsComplete() throws Exception {
    try (RawPeer peer = connect(ProxyProtocol.required("127.0.0.1"))) {
      peer.write(bytes(LINE.substring(0, 20))).shutdownOutput().expectEnd();
    }
    reasons.expect("PEER_CLOSED");
  }

  @Test
  void wrongValuesAreRefused() {
    assertThatThrownBy(ProxyProtocol::required)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("trusted networks: 0 (expected: 1..2147483647)");
    assertThatThrownBy(() -> ProxyProtocol.optional("10.0.0.0/33"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("network: 10.0.0.0/33 (expected: ");
    assertThatThrownBy(() -> ProxyProtocol.required("unix").maxHeaderBytes(15))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("maxHeaderBytes: 15 (expected: 16..65551)");
  }
}
