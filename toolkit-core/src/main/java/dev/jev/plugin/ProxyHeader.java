package dev.jev.plugin;

import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a proxy told about a connection: {@code connection.attribute(ProxyHeader.class)}.
 *
 * @param version of the PROXY protocol, 1 or 2
 * @param proxy the address of the proxy: the peer of the socket
 * @param source the address of the proxy's client; null if the proxy speaks for itself (LOCAL) or
 *     does not tell (UNKNOWN)
 * @param destination the address that the client connected to; null if {@code source} is
 * @param tls the TLS between the client and the proxy; null if there is none or it is not told
 * @param tlvs everything that was told beside the addresses, in its order; version 2 only
 */
public record ProxyHeader(
    int version,
    SocketAddress proxy,
    @Nullable SocketAddress source,
    @Nullable SocketAddress destination,
    @Nullable ClientTls tls,
    List<Tlv> tlvs) {

  /** PP2_TYPE_ALPN: what client and proxy agreed upon (ALPN, RFC 7301). */
  public static final int ALPN = 0x01;

  /** PP2_TYPE_AUTHORITY: the host name that the client asked the proxy for. */
  public static final int AUTHORITY = 0x02;

  /** PP2_TYPE_UNIQUE_ID: up to 128 bytes that name the connection. */
  public static final int UNIQUE_ID = 0x05;

  /** PP2_TYPE_NETNS: the name of the network namespace. */
  public static final int NETNS = 0x30;

  /** Copies the list. */
  public ProxyHeader {
    tlvs = List.copyOf(tlvs);
  }

  /** The first value of a type, read-only, or null; of {@link #UNIQUE_ID} for example. */
  public @Nullable ByteBuffer value(int type) {
    return tlvs.stream().filter(tlv -> tlv.type == type).findFirst().map(Tlv::value).orElse(null);
  }

  /** The first value of a type as text in UTF-8, or null; of {@link #AUTHORITY} for example. */
  public @Nullable String text(int type) {
    return Tlv.text(tlvs, type);
  }

  /**
   * A type and what belongs to it.
   *
   * @param type 0..255
   * @param value read-only
   */
  public record Tlv(int type, ByteBuffer value) {

    /** Makes the value read-only. */
    public Tlv {
      value = value.asReadOnlyBuffer();
    }

    /** The value, with an index of its own. */
    @Override
    public ByteBuffer value() {
      return value.duplicate();
    }

    static @Nullable String text(List<Tlv> tlvs, int type) {
      return tlvs.stream()
          .filter(tlv -> tlv.type == type)
          .findFirst()
          .map(tlv -> StandardCharsets.UTF_8.decode(tlv.value()).toString())
          .orElse(null);
    }
  }

  /**
   * The TLS between the client and the proxy.
   *
   * @param verified whether the client has a certificate that the proxy verified
   * @param commonName of that certificate, or null
   * @param protocol the version, or null
   * @param cipher the cipher suite, or null
   */
  public record ClientTls(
      boolean verified,
      @Nullable String commonName,
      @Nullable String protocol,
      @Nullable String cipher) {}
}
