package dev.jev.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** The address and the plugins of a URI. */
class TargetTest {

  private static Target target(String uri) {
    return CommandLine.populateCommand(new Target(), uri);
  }

  @Test
  void portIsThatOfTheSchemeByDefault() {
    assertThat(target("ws://localhost/a").address()).isEqualTo("tcp://localhost:80");
    assertThat(target("http://localhost:/a?b=c").address()).isEqualTo("tcp://localhost:80");
    assertThat(target("https://[::1]").address()).isEqualTo("tcp://[::1]:443");
    assertThat(target("wss://localhost:5000").address()).isEqualTo("tcp://localhost:5000");
    assertThat(target("localhost:5000").address()).isEqualTo("tcp://localhost:5000");
  }

  @Test
  void hostMayHaveAnUnderscore() {
    assertThat(target("http://my_service:80/a").address()).isEqualTo("tcp://my_service:80");
    assertThat(target("wss://my_service").address()).isEqualTo("tcp://my_service:443");
    assertThat(target("tls://my_service:5000").address()).isEqualTo("tcp://my_service:5000");
    assertThat(target("tls://my_service:5000").plugins()).hasSize(1);
  }

  @Test
  void hostMayBeAnIpv6Address() {
    for (String scheme : new String[] {"tls", "wss", "https"}) {
      Target target = target(scheme + "://[::1]:5000");
      assertThat(target.address()).isEqualTo("tcp://[::1]:5000");
      assertThat(target.plugins()).hasSize(1);
    }
  }

  @Test
  void uriWithoutAHostIsNamed() {
    for (String uri : new String[] {"http:/path", "tls:/path", "https://user@localhost/"}) {
      assertThatThrownBy(() -> target(uri).address())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("URI: " + uri + " (expected: one such as tcp://localhost:5000)");
    }
  }
}
