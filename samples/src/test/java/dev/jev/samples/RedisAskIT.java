package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.net.InetAddress;
import java.net.ServerSocket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
class RedisAskIT {

  @Test
  @CallsPrograms
  void redisAnswersAllQuestionsRightly() throws Exception {
    try (LocalRedis redis = LocalRedis.start();
        Program client =
            Sample.start(
                "redis-ask",
                "--uri",
                "tcp://127.0.0.1:" + redis.port(),
                "--requests",
                "20001",
                "--depth",
                "100")) {
      assertThat(client.exitStatus()).isZero();
      assertThat(client.errors()).isEmpty();
      assertThat(client.output())
          .singleElement()
          .asString()
          .matches("20001 answers, 0 wrong, \\d+ per second");
    }
  }

  @Test
  void theSampleRedisAnswersThem() throws Exception {
    try (Program server = Sample.server("redis", "--port", "0");
        Program client =
            Sample.start(
                "redis-ask", "--uri", "tcp://127.0.0.1:" + server.port(), "--requests", "2000")) {
      assertThat(client.exitStatus()).isZero();
      assertThat(client.output())
          .singleElement()
          .asString()
          .matches("2000 answers, 0 wrong, \\d+ per second");
    }
  }

  @Test
  void wrongAnswersAreCounted() throws Exception {
    try (Program server = Sample.server("echo", "--port", "0");
        Program client =
            Sample.start(
                "redis-ask", "--uri", "tcp://127.0.0.1:" + server.port(), "--requests", "3")) {
      assertThat(client.exitStatus()).isEqualTo(1);
      assertThat(client.output())
          .singleElement()
          .asString()
          .matches("3 answers, 3 wrong, \\d+ per second");
    }
  }

  @Test
  void mistakesAreAnsweredWithOneLine() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    String uri = "tcp://127.0.0.1:" + port;
    try (Program refused = Sample.start("redis-ask", "--uri", uri);
        Program zero = Sample.start("redis-ask", "--depth", "0")) {
      assertThat(refused.exitStatus()).isEqualTo(1);
      assertThat(refused.errors())
          .containsExactly("samples redis-ask: cannot connect to " + uri + ": Connection refused");
      assertThat(zero.exitStatus()).isEqualTo(1);
      assertThat(zero.errors())
          .containsExactly("samples redis-ask: maxOpen: 0 (expected: 1..1000000)");
    }
  }
}
