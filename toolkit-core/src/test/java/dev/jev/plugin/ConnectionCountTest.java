package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

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
    ConnectionCount count = new ConnectionCount(2, /* prefix4= */ 20, /* prefix6= */ 60);
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
    ConnectionCount count = new ConnectionCount(1, /* prefix4= */ 32, /* prefix6= */ 64);
    byte[] mapped = new byte[16];
    mapped[10] = (byte) 0xFF;
    mapped[11] = (byte) 0xFF;
    mapped[12] = 10;
    mapped[15] = 1;
    assertThat(count.tryAdd(Inet6Address.getByAddress("mapped", mapped, -1))).isTrue();
    assertThat(count.tryAdd(address("10.0.0.1"))).isFalse();
    assertThat(count.tryAdd(address("10.0.0.2"))).isTrue();
  }

  @Test
  void refusalNamesTheNetwork() throws Exception {
    assertThat(new ConnectionCount(256, 32, 128).refusal(address("10.1.2.3")))
        .isEqualTo("connection refused: limit of 256 for 10.1.2.3 reached");
    assertThat(new ConnectionCount(256, 24, 64).refusal(address("10.1.2.3")))
        .isEqualTo("connection refused: limit of 256 for 10.1.2.0/24 reached");
    assertThat(new ConnectionCount(1, 24, 64).refusal(address("2001:db8::17")))
        .isEqualTo("connection refused: limit of 1 for 2001:db8:0:0:0:0:0:0/64 reached");
  }

  @Test
  void countsAreExactAcrossThreads() throws Exception {
    ConnectionCount count = new ConnectionCount(3, 32, 128);
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
}
