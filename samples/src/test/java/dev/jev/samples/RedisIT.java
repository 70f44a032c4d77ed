package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RedisIT {

  private Program server;

  @BeforeAll
  void start() throws Exception {
    server = Sample.server("redis", "--port", "0");
  }

  @AfterAll
  void stop() throws Exception {
    try (Program server = this.server) {
      assertThat(server.terminate().exitStatus()).isZero();
      assertThat(server.errors()).noneMatch(line -> line.contains("Exception"));
    }
  }

  @BeforeEach
  void empty() throws Exception {
    assertThat(answer("FLUSHALL\r\n")).isEqualTo("+OK\r\n");
  }

  @Test
  void pipelineIsAnsweredInOrder() throws Exception {
    assertThat(answer("SET a 1\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\nGET a\r\nGET b\r\n"))
        .isEqualTo("+OK\r\n:2\r\n$1\r\n2\r\n$-1\r\n");
  }

  @Test
  void repliesBeforeAProtocolErrorArrive() throws Exception {
    assertThat(answer("PING\r\n*1\r\n!\r\nPING\r\n"))
        .isEqualTo("+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n");
  }

  @Test
  void quitIsAnsweredAndClosesTheConnection() throws Exception {
    try (RawClient client = new RawClient(server.port())) {
      assertThat(client.sends("QUIT\r\nPING\r\n").receivesAll()).isEqualTo("+OK\r\n");
    }
  }

  @Test
  void bodyOfAWebPagesRequestIsNotExecuted() throws Exception {
    try (RawClient browser = new RawClient(server.port())) {
      browser.sends("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nSET page 1\r\n");
      assertThat(browser.receivesAll()).isEmpty();
    }
    assertThat(answer("EXISTS page\r\n")).isEqualTo(":0\r\n");
  }

  @Test
  @CallsPrograms
  void redisCliUnderstandsTheServer() throws Exception {
    assertThat(cli("set", "greeting", "hello world")).containsExactly("OK");
    assertThat(cli("get", "greeting")).containsExactly("hello world");
    assertThat(cli("get", "nosuch")).containsExactly("");
    assertThat(cli("rpush", "list", "a", "b", "c")).containsExactly("3");
    assertThat(cli("lrange", "list", "0", "-1")).containsExactly("a", "b", "c");
    assertThat(cli("incr", "list"))
        .contains("WRONGTYPE Operation against a key holding the wrong kind of value");
    assertThat(cli("-3", "ping")).containsExactly("PONG");
    assertThat(cli("-3", "get", "nosuch")).containsExactly("");
    assertThat(cli("-3", "config", "get", "appendonly")).containsExactly("appendonly no");
    assertThat(cli("info")).anyMatch(line -> line.startsWith("redis_version:"));
  }

  @Test
  @CallsPrograms
  void redisBenchmarkRuns() throws Exception {
    try (Program benchmark =
        Program.start(
            "redis-benchmark",
            "-p",
            String.valueOf(server.port()),
            "-t",
            "ping,set,get,incr,lpush,rpush,lpop,mset",
            "-P",
            "32",
            "-n",
            "20000",
            "-c",
            "20",
            "-q")) {
      assertThat(benchmark.exitStatus()).isZero();
      assertThat(benchmark.errors()).isEmpty();
      assertThat(benchmark.output())
          .filteredOn(line -> line.contains("requests per second"))
          .hasSize(9)
          .noneMatch(line -> line.contains(" 0.00 requests"));
    }
    assertThat(answer("GET counter:__rand_int__\r\n")).isEqualTo("$5\r\n20000\r\n");
    assertThat(answer("LLEN mylist\r\n")).isEqualTo(":20000\r\n"); // two pushes, one pop
  }

  private List<String> cli(String... arguments) throws Exception {
    String[] command = new String[arguments.length + 3];
    System.arraycopy(arguments, 0, command, 3, arguments.length);
    command[0] = "redis-cli";
    command[1] = "-p";
    command[2] = String.valueOf(server.port());
    try (Program cli = Program.start(command)) {
      cli.types("");
      cli.exitStatus();
      return cli.output();
    }
  }

  private String answer(String request) throws Exception {
    try (RawClient client = new RawClient(server.port())) {
      return client.sends(request).endsOutput().receivesAll();
    }
  }
}
