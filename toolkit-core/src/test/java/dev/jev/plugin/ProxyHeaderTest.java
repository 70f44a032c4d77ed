package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.ProtocolException;
import dev.jev.plugin.ProxyHeader.ClientTls;
import dev.jev.plugin.ProxyHeader.Tlv;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.handler.codec.haproxy.HAProxyCommand;
import io.netty.handler.codec.haproxy.HAProxyMessage;
import io.netty.handler.codec.haproxy.HAProxyMessageEncoder;
import io.netty.handler.codec.haproxy.HAProxyProtocolVersion;
import io.netty.handler.codec.haproxy.HAProxyProxiedProtocol;
import io.netty.handler.codec.haproxy.HAProxySSLTLV;
import io.netty.handler.codec.haproxy.HAProxyTLV;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests the header of the PROXY protocol, as bytes. */
class ProxyHeaderTest {

  private static final int MAX = 4096;
  private static final SocketAddress PROXY = new InetSocketAddress("10.0.0.1", 4000);

  private static final String SIGNATURE = "0d0a0d0a000d0a515549540a";

  /** Addresses 192.0.2.1 port 1000 and 198.51.100.1 port 443. */
  private static final String TCP4_ADDRESSES = "c0000201 c6336401 03e8 01bb";

  /** Returns a header of version 2, PROXY, TCP over IPv4, with {@code tlvs} after the addresses. */
  private static String tcp4(String tlvs) {
    int length = 12 + tlvs.replace(" ", "").length() / 2;
    return SIGNATURE + "21 11" + String.format("%04x", length) + TCP4_ADDRESSES + tlvs;
  }

  private static ByteBuf hex(String hex) {
    return Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump(hex.replace(" ", "")));
  }

  private static ByteBuf line(String text) {
    return Unpooled.copiedBuffer(text, StandardCharsets.ISO_8859_1);
  }

  /** Parses a header that is followed by four bytes, byte by byte and at once. */
  private static ProxyHeader parse(ByteBuf header) {
    for (int n = 0; n < header.readableBytes(); n++) {
      ByteBuf part = header.slice(0, n);
      assertThat(ProxyHeaderParser.mayBeHeader(part)).as("%s bytes", n).isTrue();
      if (ProxyHeaderParser.isHeader(part)) {
        assertThat(ProxyHeaderParser.parse(part, PROXY, MAX)).as("%s bytes", n).isNull();
        assertThat(part.readerIndex()).isZero();
      }
    }
    ByteBuf all = Unpooled.wrappedBuffer(header, line("rest"));
    assertThat(ProxyHeaderParser.isHeader(all)).isTrue();
    ProxyHeader parsed = ProxyHeaderParser.parse(all, PROXY, MAX);
    assertThat(all.toString(StandardCharsets.US_ASCII)).isEqualTo("rest");
    assertThat(parsed.proxy()).isEqualTo(PROXY);
    return parsed;
  }

  private static InetSocketAddress inet(String host, int port) throws Exception {
    return new InetSocketAddress(InetAddress.getByName(host), port);
  }

  @ParameterizedTest
  @CsvSource({
    "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443, 192.0.2.1, 56324, 198.51.100.1, 443",
    "PROXY TCP4 255.255.255.255 0.0.0.0 65535 0, 255.255.255.255, 65535, 0.0.0.0, 0",
    "PROXY TCP6 2001:db8::1 ::1 1 2, 2001:db8::1, 1, ::1, 2",
    "PROXY TCP6 ::ffff:192.0.2.1 2001:DB8:0:0:0:0:0:2 1 2, 192.0.2.1, 1, 2001:db8::2, 2",
    "PROXY TCP6 ffff:f:f:f:f:f:f:ffff ffff:f:f:f:f:f:f:ffff 65535 65535, "
        + "ffff:f:f:f:f:f:f:ffff, 65535, ffff:f:f:f:f:f:f:ffff, 65535",
  })
  void lineCarriesTheAddresses(String line, String from, int fromPort, String to, int toPort)
      throws Exception {
    ProxyHeader header = parse(line(line + "\r\n"));
    assertThat(header.version()).isEqualTo(1);
    assertThat(header.source()).isEqualTo(inet(from, fromPort));
    assertThat(header.destination()).isEqualTo(inet(to, toPort));
    assertThat(header.tlvs()).isEmpty();
    assertThat(header.tls()).isNull();
  }

  @ParameterizedTest
  @CsvSource({"PROXY UNKNOWN", "PROXY UNKNOWN ffff::1 whatever 1 2", "'PROXY UNKNOWN '"})
  void lineMayCarryNoAddresses(String line) {
    assertThat(parse(line(line + "\r\n")))
        .isEqualTo(new ProxyHeader(1, PROXY, null, null, null, List.of()));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\\n          | end of line: LF (expected: CR LF)",
        "PROXY TCP4\\r\\n                           | fields: 2 (expected: 6)",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\\r\\n         | fields: 5 (expected: 6)",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\\r\\n     | fields: 7 (expected: 6)",
        "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\\r\\n      | fields: 7 (expected: 6)",
        "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\\r\\n       | protocol: UDP4 (expected: TCP4, TCP6 or UNKNOWN)",
        "PROXY tcp4 1.2.3.4 1.2.3.4 1 2\\r\\n       | protocol: tcp4 (expected: TCP4, TCP6 or UNKNOWN)",
        "PROXY \\r\\n                               | protocol:  (expected: TCP4, TCP6 or UNKNOWN)",
        "PROXY \u0007\u00ff\\r\\n                   | protocol: ?? (expected: TCP4, TCP6 or UNKNOWN)",
        "PROXY TCP4 1.2.3 1.2.3.4 1 2\\r\\n         | source address: 1.2.3 (expected: IPv4)",
        "PROXY TCP4 1.2.3.256 1.2.3.4 1 2\\r\\n     | source address: 1.2.3.256 (expected: IPv4)",
        "PROXY TCP4 1.2.3.04 1.2.3.4 1 2\\r\\n      | source address: 1.2.3.04 (expected: IPv4)",
        "PROXY TCP4 host 1.2.3.4 1 2\\r\\n          | source address: host (expected: IPv4)",
        "PROXY TCP4 ::1 ::1 1 2\\r\\n               | source address: ::1 (expected: IPv4)",
        "PROXY TCP4 1.2.3.4 1.2.3.4.5 1 2\\r\\n     | destination address: 1.2.3.4.5 (expected: IPv4)",
        "PROXY TCP6 1.2.3.4 ::1 1 2\\r\\n           | source address: 1.2.3.4 (expected: IPv6)",
        "PROXY TCP6 ::1 [::1] 1 2\\r\\n             | destination address: [::1] (expected: IPv6)",
        "PROXY TCP6 ::1%1 ::1 1 2\\r\\n             | source address: ::1%1 (expected: IPv6)",
        "PROXY TCP6 1:2:3 ::1 1 2\\r\\n             | source address: 1:2:3 (expected: IPv6)",
        "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\\r\\n   | source port: 65536 (expected: 0..65535)",
        "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\\r\\n      | source port: 01 (expected: 0..65535)",
        "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\\r\\n      | source port: +1 (expected: 0..65535)",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 -2\\r\\n      | destination port: -2 (expected: 0..65535)",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \\r\\n      | fields: 7 (expected: 6)",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 \\r\\n        | destination port:  (expected: 0..65535)",
      })
  void malformedLineIsRefused(String line, String why) {
    ByteBuf header = line(line.stripTrailing().replace("\\r", "\r").replace("\\n", "\n"));
    assertThatThrownBy(() -> ProxyHeaderParser.parse(header, PROXY, MAX))
        .isInstanceOf(ProtocolException.class)
        .hasMessage("PROXY header, " + why);
  }

  @Test
  void lineHasAtMost107Bytes() {
    String longest = "PROXY UNKNOWN" + " ".repeat(92);
    assertThat(parse(line(longest + "\r\n")).source()).isNull();
    assertThatThrownBy(() -> ProxyHeaderParser.parse(line(longest + " \r"), PROXY, MAX))
        .isInstanceOf(ProtocolException.class)
        .hasMessage("PROXY header: more than 107 bytes (expected: <= 107)");
  }

  @ParameterizedTest
  @CsvSource({"GET / HTTP/1.1", "'PROXY\tTCP4'", "PROXYTCP4", "proxy", "P.", "'\r\n\r\r'"})
  void otherBytesAreNoHeader(String text) {
    assertThat(ProxyHeaderParser.mayBeHeader(line(text))).isFalse();
    assertThat(ProxyHeaderParser.isHeader(line(text))).isFalse();
  }

  @Test
  void binaryHeaderCarriesTheAddresses() throws Exception {
    ProxyHeader header = parse(hex(tcp4("")));
    assertThat(header.version()).isEqualTo(2);
    assertThat(header.source()).isEqualTo(inet("192.0.2.1", 1000));
    assertThat(header.destination()).isEqualTo(inet("198.51.100.1", 443));
  }

  @ParameterizedTest
  @CsvSource({
    SIGNATURE + "20 00 0000", // LOCAL
    SIGNATURE + "20 11 000c" + TCP4_ADDRESSES, // LOCAL, with addresses, which are ignored
    SIGNATURE + "20 ff 0003 ffffff", // LOCAL, with unknown content
    SIGNATURE + "21 00 0000", // PROXY of an unspecified family
    SIGNATURE + "21 00 0003 ffffff",
  })
  void binaryHeaderMayCarryNoAddresses(String header) {
    assertThat(parse(hex(header)))
        .isEqualTo(new ProxyHeader(2, PROXY, null, null, null, List.of()));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        SIGNATURE + "11                 | , version: 1 (expected: 2)",
        SIGNATURE + "31                 | , version: 3 (expected: 2)",
        SIGNATURE + "22                 | , command: 2 (expected: 0 or 1)",
        SIGNATURE + "21 11 0ff1         | : 4097 bytes (expected: <= 4096)",
        SIGNATURE + "21 11 ffff         | : 65551 bytes (expected: <= 4096)",
        SIGNATURE
            + "21 10 0000         | , family: 0x10 (expected: 0x00, 0x11, 0x12, 0x21, 0x22, 0x31 or 0x32)",
        SIGNATURE
            + "21 41 0000         | , family: 0x41 (expected: 0x00, 0x11, 0x12, 0x21, 0x22, 0x31 or 0x32)",
        SIGNATURE
            + "21 13 0000         | , family: 0x13 (expected: 0x00, 0x11, 0x12, 0x21, 0x22, 0x31 or 0x32)",
        SIGNATURE + "21 11 0000         | , addresses: 0 bytes (expected: >= 12)",
        SIGNATURE + "21 21 0001 00      | , addresses: 1 bytes (expected: >= 36)",
        SIGNATURE + "21 31 0001 00      | , addresses: 1 bytes (expected: >= 216)",
      })
  void malformedBinaryHeaderIsRefused(String header, String why) {
    assertThatThrownBy(() -> ProxyHeaderParser.parse(hex(header), PROXY, MAX))
        .isInstanceOf(ProtocolException.class)
        .hasMessage("PROXY header" + why);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "05                       | last TLV: 1 bytes (expected: >= 3)",
        "05 0000 05 00            | last TLV: 2 bytes (expected: >= 3)",
        "05 0002 61               | TLV of type 5: 2 bytes (expected: <= 1)",
        "05 ffff 61               | TLV of type 5: 65535 bytes (expected: <= 1)",
        "03 0003 000000           | checksum: 3 bytes (expected: 4)",
        "03 0004 00000000         | checksum: wrong (expected: the CRC-32C of the header)",
        "03 0004 00000000 05 0000 03 0004 00000000 | checksum: twice (expected: once)",
        "20 0004 00000000         | TLV of type 32: 4 bytes (expected: >= 5)",
        "20 0006 01 00000000 21   | last TLV: 1 bytes (expected: >= 3)",
        "20 0009 01 00000000 21 0009 61   | TLV of type 33: 9 bytes (expected: <= 1)",
      })
  void malformedTlvIsRefused(String tlvs, String why) {
    ByteBuf header = hex(tcp4(tlvs));
    assertThatThrownBy(() -> ProxyHeaderParser.parse(header, PROXY, MAX))
        .isInstanceOf(ProtocolException.class)
        .hasMessage("PROXY header, " + why);
  }

  @Test
  void tlvsAreKept() {
    ProxyHeader header =
        parse(
            hex(tcp4("02 0003 612e62" + "05 0002 0102" + "04 0001 00" + "05 0001 ff" + "ea 0000")));
    assertThat(header.text(ProxyHeader.AUTHORITY)).isEqualTo("a.b");
    assertThat(header.value(ProxyHeader.UNIQUE_ID))
        .isEqualTo(ByteBuffer.wrap(new byte[] {1, 2}))
        .matches(ByteBuffer::isReadOnly);
    assertThat(header.text(ProxyHeader.ALPN)).isNull();
    assertThat(header.value(ProxyHeader.NETNS)).isNull();
    assertThat(header.tlvs())
        .extracting(Tlv::type)
        .containsExactly(ProxyHeader.AUTHORITY, ProxyHeader.UNIQUE_ID, 4, 5, 0xea);
  }

  @Test
  void rightChecksumIsAccepted() {
    byte[] header =
        ByteBufUtil.decodeHexDump(tcp4("05 0001 61 03 0004 00000000 ").replace(" ", ""));
    java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
    crc.update(header);
    ByteBuffer.wrap(header).putInt(header.length - 4, (int) crc.getValue());
    assertThat(parse(Unpooled.wrappedBuffer(header)).text(ProxyHeader.UNIQUE_ID)).isEqualTo("a");
    header[header.length - 1] ^= 1;
    assertThatThrownBy(() -> ProxyHeaderParser.parse(Unpooled.wrappedBuffer(header), PROXY, MAX))
        .hasMessage("PROXY header, checksum: wrong (expected: the CRC-32C of the header)");
  }

  @Test
  void tlsOfTheClientIsReported() {
    String version = "21 0007 544c5376312e33"; // TLSv1.3
    String name = "22 0001 61";
    String cipher = "23 0001 62";
    String details = version + name + cipher;
    assertThat(parse(hex(tcp4("20 0017 07 00000000" + details))).tls())
        .isEqualTo(new ClientTls(true, "a", "TLSv1.3", "b"));
    assertThat(parse(hex(tcp4("20 0017 03 00000001" + details))).tls())
        .isEqualTo(new ClientTls(false, "a", "TLSv1.3", "b"));
    assertThat(parse(hex(tcp4("20 0005 01 00000000"))).tls())
        .isEqualTo(new ClientTls(false, null, null, null));
    assertThat(parse(hex(tcp4("20 0005 00 00000000"))).tls()).isNull();
  }

  @Test
  void unixAddressesAreReported() {
    String path = "2f61" + "00".repeat(106);
    String abstractName = "0062" + "00".repeat(106);
    ProxyHeader header = parse(hex(SIGNATURE + "21 31 00d8" + path + abstractName));
    assertThat(header.source()).isEqualTo(new DomainSocketAddress("/a"));
    assertThat(header.destination()).isEqualTo(new DomainSocketAddress("\0b"));
    String full = "61".repeat(108);
    String none = "00".repeat(108);
    header = parse(hex(SIGNATURE + "21 32 00d8" + full + none));
    assertThat(header.source()).isEqualTo(new DomainSocketAddress("a".repeat(108)));
    assertThat(header.destination()).isEqualTo(new DomainSocketAddress(""));
  }

  @ParameterizedTest
  @CsvSource({
    "V1, TCP4, 192.0.2.1, 198.51.100.1",
    "V1, TCP6, 2001:db8::1, 2001:db8::2",
    "V2, TCP4, 192.0.2.1, 198.51.100.1",
    "V2, UDP4, 192.0.2.1, 198.51.100.1",
    "V2, TCP6, 2001:db8::1, 2001:db8::2",
    "V2, UDP6, 2001:db8::1, 2001:db8::2",
  })
  void headersThatNettyWritesAreUnderstood(
      HAProxyProtocolVersion version, HAProxyProxiedProtocol protocol, String from, String to)
      throws Exception {
    HAProxyMessage message =
        new HAProxyMessage(version, HAProxyCommand.PROXY, protocol, from, to, 1000, 443);
    ProxyHeader header = parse(encoded(message));
    assertThat(header.source()).isEqualTo(inet(from, 1000));
    assertThat(header.destination()).isEqualTo(inet(to, 443));
  }

  @Test
  void tlvsThatNettyWritesAreUnderstood() {
    HAProxyTLV name = new HAProxyTLV(HAProxyTLV.Type.PP2_TYPE_SSL_CN, line("client"));
    HAProxyMessage message =
        new HAProxyMessage(
            HAProxyProtocolVersion.V2,
            HAProxyCommand.PROXY,
            HAProxyProxiedProtocol.TCP4,
            "192.0.2.1",
            "198.51.100.1",
            1000,
            443,
            List.of(
                new HAProxyTLV(HAProxyTLV.Type.PP2_TYPE_AUTHORITY, line("example.com")),
                new HAProxySSLTLV(0, (byte) 7, List.of(name))));
    ProxyHeader header = parse(encoded(message));
    assertThat(header.text(ProxyHeader.AUTHORITY)).isEqualTo("example.com");
    assertThat(header.tls()).isEqualTo(new ClientTls(true, "client", null, null));
  }

  private static ByteBuf encoded(HAProxyMessage message) {
    EmbeddedChannel channel = new EmbeddedChannel(HAProxyMessageEncoder.INSTANCE);
    channel.writeOutbound(message);
    ByteBuf encoded = channel.readOutbound();
    ByteBuf copy = Unpooled.copiedBuffer(encoded);
    encoded.release();
    assertThat(channel.finish()).isFalse();
    return copy;
  }
}
