package dev.jev.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.codec.RespCommand;
import dev.jev.codec.RespValue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The command bench. */
@Timeout(60)
class BenchTest {

  private static Server server(Handler<String, String> handler) {
    return Server.builder(Protocols::lines, handler)
        .eventLoops(1)
        .listen("tcp://127.0.0.1:0")
        .start();
  }

  private static JsonNode bench(Server server, String... options) {
    String[] arguments = new String[options.length + 4];
    System.arraycopy(options, 0, arguments, 4, options.length);
    arguments[0] = "bench";
    arguments[1] = "--json";
    arguments[2] = "--warmup-seconds=0.1";
    arguments[3] = "127.0.0.1:" + server.port();
    CommandRun run = CommandRun.of("", arguments);
    assertThat(run.err()).isEmpty();
    return JsonMapper.shared().readTree(run.out());
  }

  @Test
  void answersAreCounted() {
    AtomicInteger received = new AtomicInteger();
    try (Server server =
        server(
            (connection, line) -> {
              assertThat(line).isEqualTo("hi");
              received.incrementAndGet();
              connection.send(line);
            })) {
      JsonNode result =
          bench(server, "--connections=3", "--depth=4", "--seconds=0.5", "--message=hi");
      assertThat(result.get("messages").asInt()).isBetween(1, received.get());
      assertThat(result.get("messagesPerSecond").asDouble()).isPositive();
      assertThat(result.get("errors").asInt()).isZero();
      JsonNode latency = result.get("latencyMicros");
      assertThat(latency.get("p50").asDouble()).isPositive();
      assertThat(latency.get("p90").asDouble())
          .isBetween(latency.get("p50").asDouble(), latency.get("p99").asDouble());
      assertThat(latency.get("max").asDouble())
          .isGreaterThanOrEqualTo(latency.get("p99").asDouble());
    }
  }

  @Test
  void noMoreMessagesAreOpenThanTheDepth() {
    AtomicInteger open = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    try (Server server =
        server(
            (connection, line) -> {
              most.accumulateAndGet(open.incrementAndGet(), Math::max);
              connection.execute(
                  () -> {
                    open.decrementAndGet();
                    connection.send(line);
                  });
            })) {
      bench(server, "--connections=1", "--depth=4", "--seconds=0.3");
      assertThat(most.get()).isBetween(1, 4);
    }
  }

  @Test
  void rateIsKept() {
    try (Server server = server(Connection::send)) {
      JsonNode result = bench(server, "--rate=500", "--seconds=2", "--connections=5");
      assertThat(result.get("messages").asInt()).isBetween(900, 1_001);
    }
  }

  @Test
  void messagesThatHadToWaitForTheServerShowIt() {
    AtomicInteger received = new AtomicInteger();
    AtomicBoolean stalled = new AtomicBoolean();
    try (Server server =
        server(
            (connection, line) -> {
              if (received.incrementAndGet() > 300 && stalled.compareAndSet(false, true)) {
                stall();
              }
              connection.send(line);
            })) {
      JsonNode result = bench(server, "--rate=200", "--seconds=3", "--connections=1");
      // A third of the messages were due while the server did nothing for a second.
      assertThat(result.get("latencyMicros").get("p90").asDouble()).isGreaterThan(100_000);
    }
  }

  private static void stall() {
    long end = System.nanoTime() + 1_000_000_000;
    while (System.nanoTime() < end) {
      Thread.onSpinWait();
    }
  }

  @Test
  void errorsAreCounted() {
    Handler<RespCommand, RespValue> refusing =
        (connection, command) -> connection.send(RespValue.error("ERR no"));
    try (Server server =
        Server.builder(Protocols::resp, refusing).listen("tcp://127.0.0.1:0").start()) {
      JsonNode result = bench(server, "--protocol=resp", "--seconds=0.3", "--connections=1");
      assertThat(result.get("errors").asInt())
          .isPositive()
          .isCloseTo(result.get("messages").asInt(), org.assertj.core.data.Offset.offset(2));
    }
  }

  @Test
  void serverThatClosesIsTold() {
    try (Server server = server((connection, line) -> connection.close())) {
      CommandRun run =
          CommandRun.of("", "bench", "--rate=100", "--seconds=5", "127.0.0.1:" + server.port());
      assertThat(run.status()).isEqualTo(1);
      assertThat(run.err()).contains("jev bench: all connections have closed: PEER_CLOSED");
    }
  }

  @Test
  void resultIsReadable() {
    try (Server server = server(Connection::send)) {
      CommandRun run =
          CommandRun.of(
              "",
              "bench",
              "--seconds=1.5",
              "--warmup-seconds=0.1",
              "--connections=2",
              "127.0.0.1:" + server.port());
      assertThat(run.out()).contains(" per second, 0 errors").contains("latency: p50 ");
      assertThat(run.err()).contains("messages/s  p50 "); // progress
    }
  }

  @Test
  void wrongArgumentsAreNamed() {
    assertThat(error("--connections=0")).isEqualTo("connections: 0 (expected: >= 1)");
    assertThat(error("--depth=4", "--rate=1"))
        .isEqualTo("depth: 4 (expected: >= 1, and 1 with --rate)");
    assertThat(error("--rate=-1")).isEqualTo("rate: -1.0 (expected: 0..1e9 messages per second)");
    assertThat(error("--seconds=0")).isEqualTo("seconds: 0.0 (expected: > 0)");
    assertThat(error("--size=-1")).isEqualTo("size: -1 (expected: >= 0 bytes)");
  }

  private static String error(String... options) {
    String[] arguments = new String[options.length + 2];
    arguments[0] = "bench";
    arguments[1] = "localhost:1";
    System.arraycopy(options, 0, arguments, 2, options.length);
    CommandRun run = CommandRun.of("", arguments);
    assertThat(run.status()).isEqualTo(1);
    return run.err().strip().replace("jev bench: ", "");
  }
}
