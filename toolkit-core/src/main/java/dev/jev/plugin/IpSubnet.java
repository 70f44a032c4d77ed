package dev.jev.plugin;

import io.netty.util.NetUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Arrays;

/** A range of IP addresses, {@code 10.0.0.0/8} for example, or all peers on Unix domain sockets. */
final class IpSubnet {

  private static final String UNIX = "unix";

  private final String text;
  private final byte[] address; // empty for unix
  private final int bits;

  private IpSubnet(String text, byte[] address, int bits) {
    this.text = text;
    this.address = address;
    this.bits = bits;
  }

  /** Parses {@code address}, {@code address/bits} or {@code unix}. */
  static IpSubnet of(String text) {
    if (text.equals(UNIX)) {
      return new IpSubnet(text, new byte[0], 0);
    }
    int slash = text.indexOf('/');
    byte[] address =
        NetUtil.createByteArrayFromIpAddressString(slash < 0 ? text : text.substring(0, slash));
    if (address == null) {
      throw invalid(text);
    }
    int maxBits = 8 * address.length;
    return new IpSubnet(text, address, slash < 0 ? maxBits : bits(text, slash, maxBits));
  }

  private static int bits(String text, int slash, int maxBits) {
    String bits = text.substring(slash + 1);
    if (!bits.matches("[0-9]{1,3}") || Integer.parseInt(bits) > maxBits) {
      throw invalid(text);
    }
    return Integer.parseInt(bits);
  }

  private static IllegalArgumentException invalid(String text) {
    return new IllegalArgumentException(
        "network: " + text + " (expected: such as 10.0.0.0/8, fd00::/8, 192.0.2.1 or unix)");
  }

  boolean contains(SocketAddress peer) {
    return peer instanceof InetSocketAddress inet
        ? address.length > 0 && contains(inet.getAddress())
        : address.length == 0;
  }

  private boolean contains(InetAddress peer) {
    byte[] other = peer.getAddress();
    int wholeBytes = bits / 8;
    int mask = 0xff << (8 - bits % 8);
    return other.length == address.length
        && Arrays.equals(address, 0, wholeBytes, other, 0, wholeBytes)
        && (bits % 8 == 0 || ((address[wholeBytes] ^ other[wholeBytes]) & mask & 0xff) == 0);
  }

  @Override
  public String toString() {
    return text;
  }
}
