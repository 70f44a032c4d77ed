package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.channel.unix.DomainSocketAddress;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class IpSubnetTest {

  @ParameterizedTest
  @CsvSource({
    "10.0.0.0/8,      10.255.255.255,  true",
    "10.0.0.0/8,      11.0.0.0,        false",
    "10.1.2.3/8,      10.9.9.9,        true",
    "192.168.4.0/22,  192.168.7.255,   true",
    "192.168.4.0/22,  192.168.8.0,     false",
    "192.168.4.0/22,  192.168.3.255,   false",
    "192.0.2.1,       192.0.2.1,       true",
    "192.0.2.1,       192.0.2.2,       false",
    "192.0.2.1/32,    192.0.2.0,       false",
    "0.0.0.0/0,       203.0.113.7,     true",
    "0.0.0.0/0,       ::1,             false",
    "::/0,            ::1,             true",
    "::/0,            203.0.113.7,     false",
    "fd00::/8,        fdff::1,         true",
    "fd00::/8,        fe00::1,         false",
    "2001:db8::/33,   2001:db8:7fff::, true",
    "2001:db8::/33,   2001:db8:8000::, false",
    "::1,             ::1,             true",
    "unix,            127.0.0.1,       false",
  })
  void containsAddresses(String network, String address, boolean contains) throws Exception {
    InetSocketAddress peer = new InetSocketAddress(InetAddress.getByName(address), 1000);
    assertThat(IpSubnet.of(network).contains(peer)).isEqualTo(contains);
  }

  @Test
  void unixContainsAllPeersOnUnixDomainSockets() {
    assertThat(IpSubnet.of("unix").contains(new DomainSocketAddress("/a"))).isTrue();
    assertThat(IpSubnet.of("0.0.0.0/0").contains(new DomainSocketAddress("/a"))).isFalse();
    assertThat(IpSubnet.of("unix")).hasToString("unix");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "10.0.0.0/33", "::/129", "10.0.0/8", "host", "10.0.0.0/", "10.0.0.0/-1", "/8"})
  void otherTextIsRefused(String text) {
    assertThatThrownBy(() -> IpSubnet.of(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "network: " + text + " (expected: such as 10.0.0.0/8, fd00::/8, 192.0.2.1 or unix)");
  }
}
