package dev.jev.plugin;

import dev.jev.ProtocolException;
import dev.jev.plugin.ProxyHeader.ClientTls;
import dev.jev.plugin.ProxyHeader.Tlv;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Parses the header of the PROXY protocol, as specified by HAProxy's {@code proxy-protocol.txt}.
 *
 * <pre>
 *   PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 CR LF                          version 1
 *   signature:12  version and command:1  family:1  length:2  addresses  TLVs   version 2
 * </pre>
 */
final class ProxyHeaderParser {

  private static final byte[] V1_PREFIX = "PROXY ".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] V2_SIGNATURE = ByteBufUtil.decodeHexDump("0d0a0d0a000d0a515549540a");

  /** 2.1: maximum length of a header of version 1, including CR and LF. */
  private static final int MAX_V1_BYTES = 107;

  /** Number of bytes after which it is certain whether they are the beginning of a header. */
  static final int DECISIVE_BYTES = V2_SIGNATURE.length;

  private static final int V2_FIXED_BYTES = 16;
  private static final int UNIX_PATH_BYTES = 108;
  private static final int TLV_HEADER_BYTES = 3;

  private static final Pattern PORT = Pattern.compile("0|[1-9][0-9]{0,4}");
  private static final Pattern IP4 = Pattern.compile("((0|[1-9][0-9]{0,2})(\\.(?!$)|$)){4}");
  private static final Pattern IP6 = Pattern.compile("[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*");

  // 2.2: families and transports.
  private static final int UNSPECIFIED = 0x00;
  private static final int TCP4 = 0x11;
  private static final int UDP4 = 0x12;
  private static final int TCP6 = 0x21;
  private static final int UDP6 = 0x22;
  private static final int UNIX_STREAM = 0x31;
  private static final int UNIX_DATAGRAM = 0x32;

  // 2.2: types of TLVs.
  private static final int CRC = 0x03;
  private static final int TLS = 0x20;
  private static final int TLS_VERSION = 0x21;
  private static final int TLS_COMMON_NAME = 0x22;
  private static final int TLS_CIPHER = 0x23;

  private ProxyHeaderParser() {}

  /** Returns whether the bytes that were read may be the beginning of a header. */
  static boolean mayBeHeader(ByteBuf in) {
    return mayBeHeader(in, V1_PREFIX) || mayBeHeader(in, V2_SIGNATURE);
  }

  private static boolean mayBeHeader(ByteBuf in, byte[] prefix) {
    for (int i = 0; i < Math.min(in.readableBytes(), prefix.length); i++) {
      if (in.getByte(in.readerIndex() + i) != prefix[i]) {
        return false;
      }
    }
    return true;
  }

  /**
   * Returns whether the bytes that were read are certainly the beginning of a header. If they only
   * {@linkplain #mayBeHeader may be}, more bytes are needed to decide.
   */
  static boolean isHeader(ByteBuf in) {
    int decisiveLength = mayBeHeader(in, V1_PREFIX) ? V1_PREFIX.length : V2_SIGNATURE.length;
    return in.readableBytes() >= decisiveLength && mayBeHeader(in);
  }

  /**
   * Parses a header whose beginning was {@linkplain #isHeader recognized}.
   *
   * @return null, with nothing consumed, if the header is incomplete
   */
  static @Nullable ProxyHeader parse(ByteBuf in, SocketAddress proxy, int maxBytes) {
    return mayBeHeader(in, V1_PREFIX) ? parseV1(in, proxy) : parseV2(in, proxy, maxBytes);
  }

  private static @Nullable ProxyHeader parseV1(ByteBuf in, SocketAddress proxy) {
    int start = in.readerIndex();
    int readable = Math.min(in.readableBytes(), MAX_V1_BYTES);
    int end = in.indexOf(start, start + readable, (byte) '\n');
    if (end < 0) {
      check(readable < MAX_V1_BYTES, "", "more than 107 bytes", "<= 107");
      return null;
    }
    String line = in.readCharSequence(end + 1 - start, StandardCharsets.ISO_8859_1).toString();
    check(line.endsWith("\r\n"), "end of line", "LF", "CR LF");
    String[] fields = line.substring(0, line.length() - 2).split(" ", -1);
    if (fields[1].equals("UNKNOWN")) {
      return new ProxyHeader(1, proxy, null, null, null, List.of());
    }
    boolean tcp4 = fields[1].equals("TCP4");
    check(tcp4 || fields[1].equals("TCP6"), "protocol", fields[1], "TCP4, TCP6 or UNKNOWN");
    check(fields.length == 6, "fields", String.valueOf(fields.length), "6");
    return new ProxyHeader(
        1,
        proxy,
        address(tcp4, "source", fields[2], fields[4]),
        address(tcp4, "destination", fields[3], fields[5]),
        null,
        List.of());
  }

  private static InetSocketAddress address(boolean tcp4, String whose, String host, String port) {
    byte[] bytes = null;
    if ((tcp4 ? IP4 : IP6).matcher(host).matches()) {
      bytes = NetUtil.createByteArrayFromIpAddressString(host);
    }
    if (bytes == null) {
      throw malformed(whose + " address", host, tcp4 ? "IPv4" : "IPv6");
    }
    boolean number = PORT.matcher(port).matches() && Integer.parseInt(port) <= 65535;
    check(number, whose + " port", port, "0..65535");
    return new InetSocketAddress(ip(bytes), Integer.parseInt(port));
  }

  private static @Nullable ProxyHeader parseV2(ByteBuf in, SocketAddress proxy, int maxBytes) {
    int start = in.readerIndex();
    int readable = in.readableBytes();
    if (readable > 12) {
      int version = in.getUnsignedByte(start + 12);
      check(version >> 4 == 2, "version", String.valueOf(version >> 4), "2");
      check((version & 15) <= 1, "command", String.valueOf(version & 15), "0 or 1");
    }
    if (readable < V2_FIXED_BYTES) {
      return null;
    }
    int length = V2_FIXED_BYTES + in.getUnsignedShort(start + 14);
    check(length <= maxBytes, "", length + " bytes", "<= " + maxBytes);
    if (readable < length) {
      return null;
    }
    byte[] header = new byte[length];
    in.readBytes(header);
    return parseV2(header, proxy);
  }

  private static ProxyHeader parseV2(byte[] header, SocketAddress proxy) {
    int family = header[13] & 0xff;
    boolean local = (header[12] & 15) == 0;
    ByteBuffer rest = ByteBuffer.wrap(header, V2_FIXED_BYTES, header.length - V2_FIXED_BYTES);
    if (local || family == UNSPECIFIED) {
      return new ProxyHeader(2, proxy, null, null, null, List.of());
    }
    int addressBytes = addressBytes(family);
    check(
        rest.remaining() >= 2 * addressBytes,
        "addresses",
        rest.remaining() + " bytes",
        ">= " + 2 * addressBytes);
    SocketAddress source;
    SocketAddress destination;
    if (addressBytes == UNIX_PATH_BYTES) {
      source = path(rest);
      destination = path(rest);
    } else {
      InetAddress from = ip(take(rest, addressBytes - 2));
      InetAddress to = ip(take(rest, addressBytes - 2));
      source = new InetSocketAddress(from, rest.getShort() & 0xffff);
      destination = new InetSocketAddress(to, rest.getShort() & 0xffff);
    }
    List<Tlv> tlvs = tlvs(rest);
    checkSum(header, tlvs);
    return new ProxyHeader(2, proxy, source, destination, tls(tlvs), tlvs);
  }

  /** Returns the length in bytes of one of the two addresses, with its port. */
  private static int addressBytes(int family) {
    return switch (family) {
      case TCP4, UDP4 -> 4 + 2;
      case TCP6, UDP6 -> 16 + 2;
      case UNIX_STREAM, UNIX_DATAGRAM -> UNIX_PATH_BYTES;
      default ->
          throw malformed(
              "family",
              String.format("0x%02x", family),
              "0x00, 0x11, 0x12, 0x21, 0x22, 0x31 or 0x32");
    };
  }

  private static byte[] take(ByteBuffer from, int length) {
    byte[] bytes = new byte[length];
    from.get(bytes);
    return bytes;
  }

  private static InetAddress ip(byte[] bytes) {
    try {
      return InetAddress.getByAddress(bytes);
    } catch (UnknownHostException e) {
      throw new AssertionError(e); // the length is valid
    }
  }

  /**
   * Returns a path, which ends before a NUL. A leading NUL is part of it: it marks Linux's abstract
   * names.
   */
  private static DomainSocketAddress path(ByteBuffer from) {
    String padded = new String(take(from, UNIX_PATH_BYTES), StandardCharsets.UTF_8);
    int end = padded.indexOf('\0', 1);
    String path = end < 0 ? padded : padded.substring(0, end);
    return new DomainSocketAddress(path.equals("\0") ? "" : path);
  }

  private static List<Tlv> tlvs(ByteBuffer from) {
    List<Tlv> tlvs = new ArrayList<>();
    while (from.hasRemaining()) {
      if (from.remaining() < TLV_HEADER_BYTES) {
        throw malformed("last TLV", from.remaining() + " bytes", ">= " + TLV_HEADER_BYTES);
      }
      int type = from.get() & 0xff;
      int length = from.getShort() & 0xffff;
      if (length > from.remaining()) {
        throw malformed("TLV of type " + type, length + " bytes", "<= " + from.remaining());
      }
      tlvs.add(new Tlv(type, from.slice(from.position(), length)));
      from.position(from.position() + length);
    }
    return tlvs;
  }

  /**
   * Checks the checksum, which is that of the header with zero in its place (2.2.3). A header has
   * one: which bytes a second one covers is not specified, and it would cost the same work again.
   */
  private static void checkSum(byte[] header, List<Tlv> tlvs) {
    int start = V2_FIXED_BYTES + 2 * addressBytes(header[13] & 0xff);
    int checked = -1; // start of the TLV
    for (Tlv tlv : tlvs) {
      if (tlv.type() == CRC) {
        check(checked < 0, "checksum", "twice", "once");
        checked = start;
      }
      start += TLV_HEADER_BYTES + tlv.value().remaining();
    }
    if (checked >= 0) {
      checkSum(header, checked);
    }
  }

  private static void checkSum(byte[] header, int tlv) {
    ByteBuffer bytes = ByteBuffer.wrap(header);
    int length = bytes.getShort(tlv + 1) & 0xffff;
    check(length == 4, "checksum", length + " bytes", "4");
    int at = tlv + TLV_HEADER_BYTES;
    int received = bytes.getInt(at);
    CRC32C crc = new CRC32C();
    crc.update(header, 0, at);
    crc.update(new byte[4]);
    crc.update(header, at + 4, header.length - at - 4);
    check(received == (int) crc.getValue(), "checksum", "wrong", "the CRC-32C of the header");
  }

  /**
   * Returns the TLS connection of the client: flags, whether the certificate was verified, and TLVs
   * within the TLV (2.2.6).
   */
  private static @Nullable ClientTls tls(List<Tlv> tlvs) {
    for (Tlv tlv : tlvs) {
      if (tlv.type() == TLS) {
        ByteBuffer value = tlv.value();
        check(value.remaining() >= 5, "TLV of type 32", value.remaining() + " bytes", ">= 5");
        int flags = value.get();
        boolean certificate = (flags & 6) != 0; // sent in this connection or in this session
        boolean verified = value.getInt() == 0 && certificate;
        List<Tlv> inner = tlvs(value);
        boolean encrypted = (flags & 1) != 0;
        return !encrypted
            ? null
            : new ClientTls(
                verified,
                Tlv.text(inner, TLS_COMMON_NAME),
                Tlv.text(inner, TLS_VERSION),
                Tlv.text(inner, TLS_CIPHER));
      }
    }
    return null;
  }

  private static void check(boolean valid, String subject, String actual, String expected) {
    if (!valid) {
      throw malformed(subject, actual, expected);
    }
  }

  private static ProtocolException malformed(String subject, String actual, String expected) {
    // The message gets into logs, so it contains printable characters only.
    String shown = actual.replaceAll("[^\\x20-\\x7e]", "?");
    return new ProtocolException(
        (subject.isEmpty() ? "PROXY header: " : "PROXY header, " + subject + ": ")
            + shown
            + " (expected: "
            + expected
            + ")");
  }
}
