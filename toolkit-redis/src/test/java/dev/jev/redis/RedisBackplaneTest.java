package dev.jev.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.jev.CallsPrograms;
import dev.jev.nodes.Backplane.Channel;
import dev.jev.nodes.BackplaneContract;
import io.netty.pkitesting.CertificateBuilder;
import io.netty.pkitesting.X509Bundle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(180)
class RedisBackplaneTest {

  private static final Channel LOG = EngineNode.log("t");

  @TempDir private Path directory;

  @Test
  void wrongArgumentsAreNamed() {
    assertThatThrownBy(() -> RedisBackplane.of("http://127.0.0.1"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("uri: not understood (expected: redis://host:port,");
    RedisBackplane.Builder builder = RedisBackplane.builder("redis://127.0.0.1");
    assertThatThrownBy(() -> builder.prefix("a{b}"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("prefix: a{b} (expected: 1..64 letters, digits, or . _ - :)");
    assertThatThrownBy(() -> builder.replicas(6, Duration.ofMillis(100)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("replicas: 6 (expected: 1..5)");
    assertThatThrownBy(() -> builder.replicas(1, Duration.ofSeconds(1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("timeout: PT1S (expected: PT0.01S..PT0.5S)");
  }

  @Test
  @CallsPrograms
  void documentedRightsSuffice() throws Exception {
    try (RedisProcess redis = RedisProcess.start(directory)) {
      redis.answer(documentedUser());
      String uri = "redis://jev:secret@127.0.0.1:" + redis.port();
      BackplaneContract.of(() -> RedisBackplane.of(uri))
          .lease(Duration.ofSeconds(2))
          .timeout(Duration.ofSeconds(30))
          .check();
      assertThat(redis.answer("ACL LOG")).as("what was refused").contains("*0");
    }
  }

  /** Returns the command of docs/redis.md. */
  private static String documentedUser() throws IOException {
    String page = Files.readString(Path.of("../docs/redis.md"));
    String command = page.substring(page.indexOf("ACL SETUSER jev on >secret"));
    return command.substring(0, command.indexOf("```")).replaceAll("\\s+", " ").strip();
  }

  @Test
  @CallsPrograms
  void prefixesKeepApplicationsApart() throws Exception {
    try (RedisProcess redis = RedisProcess.start(directory);
        RedisBackplane one = RedisBackplane.builder(redis.uri()).prefix("one").build();
        RedisBackplane other = RedisBackplane.builder(redis.uri()).prefix("other").build()) {
      EngineNode a = new EngineNode(one, "a");
      EngineNode b = new EngineNode(other, "a");
      b.listen(LOG);
      a.publish(LOG, "one");
      b.publish(LOG, "other");
      assertThat(EngineNode.text(b.next())).isEqualTo("other");
      assertThat(redis.cli("KEYS", "*").lines().filter(key -> !key.startsWith("o"))).isEmpty();
    }
  }

  @Test
  @CallsPrograms
  void tlsWithACertificateOfOnesOwn() throws Exception {
    X509Bundle certificate =
        new CertificateBuilder()
            .subject("CN=localhost")
            .addSanDnsName("localhost")
            .addSanIpAddress("127.0.0.1")
            .setIsCertificateAuthority(true)
            .buildSelfSigned();
    Path chain = certificate.toTempCertChainPem().toPath();
    int port = RedisProcess.freePort();
    try (RedisProcess redis =
            RedisProcess.start(
                directory,
                "--tls-port",
                Integer.toString(port),
                "--tls-cert-file",
                chain.toString(),
                "--tls-key-file",
                certificate.toTempPrivateKeyPem().getPath(),
                "--tls-ca-cert-file",
                chain.toString(),
                "--tls-auth-clients",
                "no");
        RedisBackplane strange = RedisBackplane.of("rediss://127.0.0.1:" + port);
        RedisBackplane trusting =
            RedisBackplane.builder("rediss://127.0.0.1:" + port)
                .trustedCertificates(chain)
                .build()) {
      assertThat(redis.port()).isNotEqualTo(port);
      EngineNode node = new EngineNode(trusting, "a");
      node.listen(LOG);
      node.publish(LOG, "encrypted");
      assertThat(EngineNode.text(node.next())).isEqualTo("encrypted");
      assertThatThrownBy(() -> new EngineNode(strange, "b"))
          .cause()
          .hasStackTraceContaining("PKIX");
    }
  }
}
