package dev.jev.plugin;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.HashMap;
import java.util.Map;

/**
 * How many connections there are from each network of some size, of which one address is the
 * smallest. Networks without a connection are not remembered.
 *
 * <p><b>Threads.</b> Any; every connection counts here twice in its life.
 */
final class ConnectionCount {

  private final int max;
  private final int prefix4;
  private final int prefix6;

  // Guarded by itself.
  private final Map<InetAddress, Integer> counts = new HashMap<>();

  /** One that counts by the first {@code prefix4} bits of an IPv4 address, say. */
  ConnectionCount(int max, int prefix4, int prefix6) {
    this.max = max;
    this.prefix4 = prefix4;
    this.prefix6 = prefix6;
  }

  /** Counts one more, unless there are as many as there may be. */
  boolean tryAdd(InetAddress address) {
    InetAddress network = network(address);
    synchronized (counts) {
      int before = counts.getOrDefault(network, 0);
      if (before == max) {
        return false;
      }
      counts.put(network, before + 1);
      return true;
    }
  }

  /** Counts one less. */
  void remove(InetAddress address) {
    InetAddress network = network(address);
    synchronized (counts) {
      counts.computeIfPresent(network, (key, count) -> count == 1 ? null : count - 1);
    }
  }

  /** How many networks have connections. */
  int networkCount() {
    synchronized (counts) {
      return counts.size();
    }
  }

  /** What a refusal is reported with. */
  String refusal(InetAddress address) {
    InetAddress network = network(address);
    int bits = prefix(network);
    String size = bits == network.getAddress().length * Byte.SIZE ? "" : "/" + bits;
    return "connection refused: limit of "
        + max
        + " for "
        + network.getHostAddress()
        + size
        + " reached";
  }

  private int prefix(InetAddress address) {
    return address instanceof Inet4Address ? prefix4 : prefix6;
  }

  /** The network of an address, as the first address in it. */
  private InetAddress network(InetAddress address) {
    InetAddress plain = of(address.getAddress()); // no IPv4 in IPv6, no scope
    int prefix = prefix(plain);
    byte[] bytes = plain.getAddress();
    for (int i = 0; i < bytes.length; i++) {
      int prefixBits = Math.min(Math.max(prefix - i * Byte.SIZE, 0), Byte.SIZE);
      bytes[i] &= (byte) (0xFF << (Byte.SIZE - prefixBits));
    }
    return of(bytes);
  }

  private static InetAddress of(byte[] bytes) {
    try {
      return InetAddress.getByAddress(bytes);
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException(e); // of a wrong length, which that of an address is not
    }
  }
}
