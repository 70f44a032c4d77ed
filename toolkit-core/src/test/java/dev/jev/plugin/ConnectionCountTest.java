package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.plugin.LimitValues.Prefixes;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Tests how connections are counted per network. */
class ConnectionCountTest {

  private static InetAddress address(String literal) throws Exception {
    return InetAddress.getByName(literal);
  }

  private static InetAddress number(int number) {
    try {
      return InetAddress.getByAddress(new byte[] {10, 0, 0, (byte) number});
    } catch (UnknownHostException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void addressesOfOneNetworkCountTogether() throws Exception {
    ConnectionCount count = count(2, 20, 60);
    assertThat(count.tryAdd(address("10.1.16.1"))).isTrue();
    assertThat(count.tryAdd(address("10.1.31.255"))).isTrue();
    assertThat(count.tryAdd(address("10.1.17.0"))).isFalse();
    assertThat(count.tryAdd(address("10.1.32.0"))).isTrue();
    assertThat(count.tryAdd(address("2001:db8:0:f::1"))).isTrue();
    assertThat(count.tryAdd(address("2001:db8:0:0:ffff::"))).isTrue();
    assertThat(count.tryAdd(address("2001:db8::"))).isFalse();
    assertThat(count.tryAdd(address("2001:db8:0:10::1"))).isTrue();
    assertThat(count.networkCount()).isEqualTo(4);
  }

  @Test
  void ipv4MappedAddressCountsAsIpv4() throws Exception {
    ConnectionCount count = count(1, 32, 64);
    byte[] mapped = new byte[16];
    mapped[10] = (byte) 0xFF;
    mapped[11] = (byte) 0xFF;
    mapped[12] = 10;
    mapped[15] = 1;
    assertThat(count.tryAdd(Inet6Address.getByAddress("mapped", mapped, -1))).isTrue();
    assertThat(count.tryAdd(address("10.0.0.1"))).isFalse();
    assertThat(count.tryAdd(address("10.0.0.2"))).isTrue();
  }

  /**
   * Returns up to 2<sup>14</sup> addresses of 2001:db8::/64 whose hash code is the same: {@link
   * Inet6Address#hashCode} is the sum of four numbers of four bytes, and here the last two have the
   * same sum.
   */
  private static List<InetAddress> sameHash(int count) throws Exception {
    List<InetAddress> addresses = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      byte[] bytes = address("2001:db8::").getAddress();
      for (int digit = 0; digit < 2; digit++) {
        bytes[8 + digit] = (byte) ((i >> (7 * digit)) & 0x7F);
        bytes[12 + digit] = (byte) (0x7F - bytes[8 + digit]);
      }
      addresses.add(InetAddress.getByAddress(bytes));
    }
    assertThat(addresses.stream().map(InetAddress::getHostAddress).distinct()).hasSize(count);
    assertThat(addresses.stream().map(InetAddress::hashCode).distinct()).hasSize(1);
    return addresses;
  }

  @Test
  void peersCannotChooseAddressesOfTheSameHash() throws Exception {
    List<AddressKey> keys = sameHash(10_000).stream().map(AddressKey::of).toList();
    // Among ten thousand random numbers of 32 bits, 0.01 pairs are equal.
    assertThat(keys.stream().map(AddressKey::hashCode).distinct()).hasSizeGreaterThan(9_990);
    assertThat(keys.stream().sorted().distinct()).hasSize(10_000); // a crowded bin becomes a tree
  }

  /** Returns the time for which nothing else had the processor: the shortest of ten. */
  private static long nanosToAddAndRemove(List<InetAddress> addresses) {
    long shortest = Long.MAX_VALUE;
    for (int i = 0; i < 10; i++) {
      ConnectionCount count = count(1, 32, 128);
      long start = System.nanoTime();
      addresses.forEach(count::tryAdd);
      long added = count.networkCount();
      addresses.forEach(count::remove);
      shortest = Math.min(shortest, System.nanoTime() - start);
      assertThat(added).isEqualTo(addresses.size());
      assertThat(count.networkCount()).isZero();
    }
    return shortest;
  }

  @Test
  void addressesOfTheSameHashCostLittleMoreThanOthers() throws Exception {
    List<InetAddress> others = new ArrayList<>();
    for (int i = 0; i < 10_000; i++) {
      others.add(InetAddress.getByAddress(new byte[] {10, 0, (byte) (i >> 8), (byte) i}));
    }
    assertThat(nanosToAddAndRemove(sameHash(10_000))).isLessThan(40 * nanosToAddAndRemove(others));
  }

  @Test
  void refusalNamesTheNetwork() throws Exception {
    assertThat(count(256, 32, 128).refusal(address("10.1.2.3")))
        .isEqualTo("connection refused: limit of 256 for 10.1.2.3 reached");
    assertThat(count(256, 24, 64).refusal(address("10.1.2.3")))
        .isEqualTo("connection refused: limit of 256 for 10.1.2.0/24 reached");
    assertThat(count(1, 24, 64).refusal(address("2001:db8::17")))
        .isEqualTo("connection refused: limit of 1 for 2001:db8:0:0:0:0:0:0/64 reached");
  }

  @Test
  void countsAreExactAcrossThreads() throws Exception {
    ConnectionCount count = count(3, 32, 128);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    for (int t = 0; t < 4; t++) {
      Random random = new Random(t);
      threads.execute(
          () -> {
            List<InetAddress> added = new ArrayList<>();
            for (int i = 0; i < 20_000; i++) {
              InetAddress one = number(random.nextInt(8));
              if (added.size() < 8 && count.tryAdd(one)) {
                added.add(one);
              } else if (!added.isEmpty()) {
                count.remove(added.remove(random.nextInt(added.size())));
              }
            }
            added.forEach(count::remove);
          });
    }
    threads.shutdown();
    assertThat(threads.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
    assertThat(count.networkCount()).isZero();
  }

  private static ConnectionCount count(int max, int prefix4, int prefix6) {
    ConnectionCount count = new ConnectionCount(new Prefixes(prefix4, prefix6));
    count.max(max);
    return count;
  }
}
