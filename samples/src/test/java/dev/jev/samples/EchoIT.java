package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import dev.jev.Transport;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(180)
class EchoIT {

  @Test
  void bytesComeBackAndSigtermEndsTheServerWithStatusZero() throws Exception {
    try (Program server = Sample.server("echo", "--port", "0")) {
      try (RawClient client = new RawClient(server.port())) {
        String bytes = "0123456789abcdef".repeat(10_000) + "\0\r\n\u00ff";
        assertThat(client.sends("hello").receives(5)).isEqualTo("hello");
        assertThat(client.sends(bytes).endsOutput().receivesAll()).isEqualTo(bytes);
      }
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.output()).isEmpty();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  void serverWithAnOpenConnectionStopsToo() throws Exception {
    try (Program server = Sample.server("echo", "--port", "0")) {
      try (RawClient client = new RawClient(server.port())) {
        assertThat(client.sends("hello").receives(5)).isEqualTo("hello");
        server.terminate();
        assertThat(client.receivesAll()).isEmpty();
      }
      assertThat(server.exitStatus()).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"round-robin", "random", "least-connections", "source-hash"})
  void everyBalanceServes(String balance) throws Exception {
    assertEchoes("--balance", balance);
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "LOCAL")
  void everyTransportServesIfItIsThere(Transport transport) throws Exception {
    assumeTrue(transport.isAvailable(), () -> transport + " is not available");
    assertEchoes("--transport", transport.name().toLowerCase(Locale.ROOT));
  }

  @Test
  void everyLoopMayHaveItsOwnListeningSocket() throws Exception {
    assertEchoes("--reuseport", "--loops", "3");
  }

  @Test
  void addressMayBeIpv6() throws Exception {
    try (Program server = Sample.server("echo", "--port", "0", "--host", "::1")) {
      assertThat(server.port()).isPositive();
      assertThat(server.terminate().exitStatus()).isZero();
    }
  }

  @Test
  @CallsPrograms
  void ncGetsItsLineBack() throws Exception {
    try (Program server = Sample.server("echo", "--port", "0");
        Program nc = Program.start("nc", "-N", "127.0.0.1", String.valueOf(server.port()))) {
      nc.types("hello\n");
      assertThat(nc.line()).isEqualTo("hello");
      assertThat(nc.exitStatus()).isZero();
      assertThat(server.terminate().exitStatus()).isZero();
    }
  }

  @Test
  @CallsPrograms
  void socatGetsItsDatagramsBack() throws Exception {
    try (Program server = Sample.server("echo", "--port", "0", "--udp");
        Program socat = Program.start("socat", "-t2", "-", "UDP4:127.0.0.1:" + server.port())) {
      socat.types("hello\n");
      assertThat(socat.line()).isEqualTo("hello");
      assertThat(socat.exitStatus()).isZero();
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  @CallsPrograms
  void socatGetsItsBytesBackThroughAUnixSocketWhoseFileGoesWithTheServer(@TempDir Path directory)
      throws Exception {
    Path socket = directory.resolve("echo.sock");
    try (Program server = Sample.server("echo", "--unix", socket.toString())) {
      try (Program socat = Program.start("socat", "-t5", "-", "UNIX-CONNECT:" + socket)) {
        socat.types("hello\n");
        assertThat(socat.line()).isEqualTo("hello");
        assertThat(socat.exitStatus()).isZero();
      }
      try (Program second = Sample.start("echo", "--unix", socket.toString())) {
        assertThat(second.exitStatus()).isEqualTo(1);
        assertThat(second.errors()).singleElement().asString().contains(socket.toString());
      }
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(socket).doesNotExist();
      assertThat(server.errors()).isEmpty();
    }
  }

  @Test
  @CallsPrograms
  void opensslGetsItsBytesBackEncrypted() throws Exception {
    try (Program server = Sample.server("echo", "--port", "0", "--tls");
        Program openssl =
            Program.start(
                "openssl", "s_client", "-quiet", "-connect", "127.0.0.1:" + server.port())) {
      openssl.typesAndWaits("hello\n");
      assertThat(openssl.line()).isEqualTo("hello");
      openssl.types("");
      openssl.kill();
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).last().isEqualTo("INFO: TLS runs on BoringSSL");
    }
  }

  private static void assertEchoes(String... options) throws Exception {
    String[] arguments = new String[options.length + 3];
    System.arraycopy(options, 0, arguments, 3, options.length);
    arguments[0] = "echo";
    arguments[1] = "--port";
    arguments[2] = "0";
    try (Program server = Sample.server(arguments)) {
      for (int i = 0; i < 10; i++) {
        try (RawClient client = new RawClient(server.port())) {
          assertThat(client.sends("hello").endsOutput().receivesAll()).isEqualTo("hello");
        }
      }
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).isEmpty();
    }
  }
}
