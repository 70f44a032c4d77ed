package dev.jev.plugin;

import dev.jev.plugin.LimitValues.Prefixes;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.HashMap;
import java.util.Map;

/**
 * The number of connections per network. A network is a range of addresses with a common prefix,
 * the smallest being a single address. Networks without connections are not stored.
 *
 * <p><b>Threads.</b> Any. Every connection is added once and removed once.
 */
final class ConnectionCount {

  private final Prefixes prefixes;
  private volatile int max;

  // Guarded by itself.
  private final Map<AddressKey, Integer> counts = new HashMap<>();

  /**
   * Creates a count of networks of this size, which are the first bits of an IPv4 or IPv6 address.
   */
  ConnectionCount(Prefixes prefixes) {
    this.prefixes = prefixes;
  }

  Prefixes prefixes() {
    return prefixes;
  }

  /** Sets the maximum number of connections per network. */
  void max(int max) {
    this.max = max;
  }

  /** Adds a connection from {@code address}; returns false if its network has the maximum. */
  boolean tryAdd(InetAddress address) {
    AddressKey network = AddressKey.of(network(address));
    synchronized (counts) {
      int before = counts.getOrDefault(network, 0);
      if (before >= max) {
        return false;
      }
      counts.put(network, before + 1);
      return true;
    }
  }

  /** Removes a connection from {@code address}. */
  void remove(InetAddress address) {
    AddressKey network = AddressKey.of(network(address));
    synchronized (counts) {
      counts.computeIfPresent(network, (key, count) -> count == 1 ? null : count - 1);
    }
  }

  /** Returns the number of networks that have connections. */
  int networkCount() {
    synchronized (counts) {
      return counts.size();
    }
  }

  /** Returns the message for a refused connection. */
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
    return address instanceof Inet4Address ? prefixes.prefix4() : prefixes.prefix6();
  }

  /** Returns the network of an address, as the first address in it. */
  private InetAddress network(InetAddress address) {
    InetAddress plain = of(address.getAddress()); // no IPv4-mapped address, no scope
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
      throw new IllegalArgumentException(e); // not with the length of an address
    }
  }
}
