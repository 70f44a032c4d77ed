package dev.jev.plugin;

import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.security.SecureRandom;

/**
 * An IP address as the key of a map.
 *
 * <p>Peers choose their addresses: a single IPv6 customer has 2<sup>64</sup> of them, and {@link
 * InetAddress#hashCode} of an IPv6 address is a sum, so any number of them have the same hash code.
 * This hash code depends on a secret. The keys are comparable, too, which keeps a map fast even if
 * many hash codes are equal.
 *
 * @param high the first 64 bits of an IPv6 address; 0 for IPv4
 * @param low the last 64 bits of an IPv6 address; those of the IPv4-mapped one for IPv4 (RFC 4291,
 *     2.5.5.2)
 */
record AddressKey(long high, long low) implements Comparable<AddressKey> {

  private static final long IP4_MAPPED = 0xFFFF_0000_0000L;
  private static final long SECRET = new SecureRandom().nextLong();

  static AddressKey of(InetAddress address) {
    ByteBuffer bytes = ByteBuffer.wrap(address.getAddress());
    return bytes.remaining() == Integer.BYTES
        ? new AddressKey(0, IP4_MAPPED | Integer.toUnsignedLong(bytes.getInt()))
        : new AddressKey(bytes.getLong(), bytes.getLong());
  }

  @Override
  public int hashCode() {
    return Long.hashCode(mix(mix(high ^ SECRET) + low));
  }

  /** The last step of MurmurHash3, which makes every bit of the result depend on all of z. */
  private static long mix(long z) {
    long once = (z ^ (z >>> 33)) * 0xFF51AFD7ED558CCDL;
    long twice = (once ^ (once >>> 33)) * 0xC4CEB9FE1A85EC53L;
    return twice ^ (twice >>> 33);
  }

  @Override
  public int compareTo(AddressKey other) {
    int order = Long.compare(high, other.high);
    return order == 0 ? Long.compare(low, other.low) : order;
  }
}
