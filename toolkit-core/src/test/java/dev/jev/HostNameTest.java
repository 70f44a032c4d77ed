package dev.jev;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests which hosts there are, and their forms. */
class HostNameTest {

  @ParameterizedTest
  @CsvSource({
    "localhost, localhost, localhost",
    "web-1, web-1, web-1",
    "my_service, my_service, my_service",
    "_a_, _a_, _a_",
    "svc.ns.svc.cluster.local, svc.ns.svc.cluster.local, svc.ns.svc.cluster.local",
    "svc.ns.svc.cluster.local., svc.ns.svc.cluster.local, svc.ns.svc.cluster.local.",
    "WWW.Example.COM, www.example.com, www.example.com",
    "3f4e, 3f4e, 3f4e",
    "1.a, 1.a, 1.a",
    "bücher.example, xn--bcher-kva.example, xn--bcher-kva.example",
    "BÜCHER.example., xn--bcher-kva.example, xn--bcher-kva.example.",
    "bu\u0308cher.example, xn--bcher-kva.example, xn--bcher-kva.example",
    "XN--bcher-kva.example, xn--bcher-kva.example, xn--bcher-kva.example",
    "例え。テスト, xn--r8jz45g.xn--zckzah, xn--r8jz45g.xn--zckzah",
    "bücher_1.example, xn--bcher_1-n2a.example, xn--bcher_1-n2a.example",
  })
  void namesHaveOneForm(String text, String name, String shown) {
    HostName host = HostName.of(text);
    assertThat(host.name()).isEqualTo(name);
    assertThat(host.header()).isEqualTo(name);
    assertThat(host).hasToString(shown);
    assertThat(host.isAddress()).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "127.0.0.1, 127.0.0.1, 127.0.0.1, 127.0.0.1",
    "::1, ::1, [::1], [::1]",
    "2001:DB8:0:0:0:0:0:1, 2001:db8::1, [2001:db8::1], [2001:DB8:0:0:0:0:0:1]",
    "fe80::1%eth0, fe80::1, [fe80::1], [fe80::1%eth0]",
    "FE80::1%Eth0.1, fe80::1, [fe80::1], [FE80::1%Eth0.1]",
    "::ffff:192.0.2.1, ::ffff:c000:201, [::ffff:c000:201], [::ffff:192.0.2.1]",
  })
  void addressesHaveOneForm(String text, String name, String header, String shown) {
    HostName host = HostName.of(text);
    assertThat(host.name()).isEqualTo(name);
    assertThat(host.header()).isEqualTo(header);
    assertThat(host).hasToString(shown);
    assertThat(host.isAddress()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ".",
        "a..b",
        ".a",
        "a b",
        "-a",
        "a-",
        "a.-b",
        "a/b",
        "a／b",
        "a＠b",
        "a%b",
        "*",
        "a:b",
        "127.1",
        "2130706433",
        "1.2.3.4.5",
        "a.0x7f",
        "256.1.1.1",
        "127.0.0.1.",
        "[::1]",
        "::1%",
        "fe80::1%a/b",
        ":::",
        "\uD800.example",
        "\uFFFD.example",
        "💩.example",
        "a\u0000b",
        "0123456789012345678901234567890123456789012345678901234567890123"
      })
  void otherTextIsRefused(String text) {
    assertThat(HostName.parse(text)).isNull();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> HostName.of(text))
        .withMessage(
            "host: " + text + " (expected: a name of letters, digits, - and _, or an IP address)");
  }

  @Test
  void namesAreAsLongAsInDns() {
    String label = "a".repeat(63);
    String longest = String.join(".", label, label, label, "b".repeat(61));
    assertThat(HostName.of(longest).name()).hasSize(253);
    assertThat(HostName.of(longest + ".").name()).hasSize(253);
    assertThat(HostName.parse("b" + longest)).isNull();
  }

  @ParameterizedTest
  @CsvSource({"straße.example, U+00DF at index 4", "βόλος.example, U+03C2 at index 4"})
  void nameThatIsAnotherOneInIdna2008IsRefused(String text, String where) {
    assertThat(HostName.parse(text)).isNull();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> HostName.of(text))
        .withMessage("host: %s with %s (expected: the form in ASCII, xn--...)", text, where);
    assertThat(HostName.of("xn--strae-oqa.example").name()).isEqualTo("xn--strae-oqa.example");
  }

  @ParameterizedTest
  @CsvSource({
    "tcp://my_service:80",
    "tcp6://[fe80::1%eth0]:80",
    "bücher.example:80",
    "udp4://a.:1"
  })
  void addressesTakeHosts(String uri) {
    ListenAddress listened = ListenAddress.parse(uri);
    assertThat(listened.host()).isEqualTo(ConnectAddress.parse(uri).host()).isNotEmpty();
    assertThat(listened.uri()).isEqualTo(uri);
  }

  @Test
  void addressesRefuseWhatIsNoHost() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ConnectAddress.parse("tcp://127.1:80"))
        .withMessage(
            "host: 127.1 (expected: a name of letters, digits, - and _, or an IP address)");
    assertThat(ConnectAddress.parse("tcp://bücher.example.:80").host())
        .isEqualTo("xn--bcher-kva.example.");
  }
}
