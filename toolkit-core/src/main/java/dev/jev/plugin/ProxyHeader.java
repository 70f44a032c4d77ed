package dev.jev.plugin;

import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The header that a proxy sent for a connection: {@code connection.attribute(ProxyHeader.class)}.
 *
 * @param version the version of the PROXY protocol, 1 or 2
 * @param proxy the address of the proxy, which is the peer of the socket
 * @param source the address of the proxy's client; null if the proxy connected on its own behalf
 *     (LOCAL) or does not report it (UNKNOWN)
 * @param destination the address that the client connected to; null if {@code source} is
 * @param tls the TLS connection between the client and the proxy; null if there is none or it is
 *     not reported
 * @param tlvs the values besides the addresses, in the order of the header; version 2 only
 */
public record ProxyHeader(
    int version,
    SocketAddress proxy,
    @Nullable SocketAddress source,
    @Nullable SocketAddress destination,
    @Nullable ClientTls tls,
    List<Tlv> tlvs) {

  /** PP2_TYPE_ALPN: the protocol that client and proxy negotiated (ALPN, RFC 7301). */
  public static final int ALPN = 0x01;

  /** PP2_TYPE_AUTHORITY: the host name that the client requested from the proxy. */
  public static final int AUTHORITY = 0x02;

  /** PP2_TYPE_UNIQUE_ID: up to 128 bytes that identify the connection. */
  public static final int UNIQUE_ID = 0x05;

  /** PP2_TYPE_NETNS: the name of the network namespace. */
  public static final int NETNS = 0x30;

  /** Copies {@code tlvs}. */
  public ProxyHeader {
    tlvs = List.copyOf(tlvs);
  }

  /** Returns the first value of a type, read-only, or null; of {@link #UNIQUE_ID} for example. */
  public @Nullable ByteBuffer value(int type) {
    return tlvs.stream().filter(tlv -> tlv.type == type).findFirst().map(Tlv::value).orElse(null);
  }

  /**
   * Returns the first value of a type as UTF-8 text, or null; of {@link #AUTHORITY} for example.
   */
  public @Nullable String text(int type) {
    return Tlv.text(tlvs, type);
  }

  /**
   * A type and its value.
   *
   * @param type the type, 0..255
   * @param value the value, read-only
   */
  public record Tlv(int type, ByteBuffer value) {

    /** Makes the value read-only. */
    public Tlv {
      value = value.asReadOnlyBuffer();
    }

    /** Returns the value, with a position and a limit of its own. */
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
   * The TLS connection between the client and the proxy.
   *
   * @param verified true if the client has a certificate that the proxy verified
   * @param commonName the common name in that certificate, or null
   * @param protocol the version of TLS, or null
   * @param cipher the cipher suite, or null
   */
  public record ClientTls(
      boolean verified,
      @Nullable String commonName,
      @Nullable String protocol,
      @Nullable String cipher) {}
}
