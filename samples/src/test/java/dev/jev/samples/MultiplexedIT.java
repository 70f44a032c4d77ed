package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

/** Independent clients of different protocols on one port. */
@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MultiplexedIT {

  private Program server;
  private String port;

  @BeforeAll
  void start() throws Exception {
    server = Sample.server("multiplexed", "--port", "0");
    port = String.valueOf(server.port());
  }

  @AfterAll
  void stop() throws Exception {
    try (Program server = this.server) {
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).hasSize(2).last().isEqualTo("INFO: TLS runs on BoringSSL");
    }
  }

  private static String firstLine(String... command) throws Exception {
    try (Program tool = Program.start(command)) {
      return tool.line();
    }
  }

  @Test
  @CallsPrograms
  void curlGetsThePageWithAndWithoutTls() throws Exception {
    assertThat(firstLine("curl", "-s", "http://127.0.0.1:" + port)).isEqualTo("Hello, World!");
    assertThat(firstLine("curl", "-sk", "https://127.0.0.1:" + port)).isEqualTo("Hello, World!");
  }

  @Test
  @CallsPrograms
  void redisCliIsAnsweredWithAndWithoutTls() throws Exception {
    assertThat(firstLine("redis-cli", "-p", port, "SET", "key", "value")).isEqualTo("OK");
    assertThat(firstLine("redis-cli", "--tls", "--insecure", "-p", port, "GET", "key"))
        .isEqualTo("value");
  }

  @Test
  void linesComeBack() throws Exception {
    try (RawClient client = new RawClient(server.port())) {
      assertThat(client.sends("hello\n").receivesLine()).isEqualTo("hello");
    }
  }

  @Test
  void requestIsRecognizedByteByByte() throws Exception {
    String request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    try (RawClient client = new RawClient(server.port())) {
      for (int i = 0; i < request.length(); i++) {
        client.sends(request.substring(i, i + 1));
      }
      assertThat(client.receivesLine()).isEqualTo("HTTP/1.1 200 OK\r");
    }
  }

  @Test
  void headerOfAProxyMayComeFirst() throws Exception {
    String header = "PROXY TCP4 192.0.2.7 198.51.100.1 50000 443\r\n";
    try (RawClient lines = new RawClient(server.port());
        RawClient redis = new RawClient(server.port())) {
      assertThat(lines.sends(header + "hello\n").receivesLine()).isEqualTo("hello");
      assertThat(redis.sends(header + "*1\r\n$4\r\nPING\r\n").receivesLine()).isEqualTo("+PONG\r");
    }
  }
}
