package dev.jev.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.LogCapture;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import dev.jev.codec.RespCommand;
import dev.jev.codec.RespValue;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
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
          bench(server, "--connections=3", "--depth=4", "--seconds=2", "--message=hi\r");
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
    AtomicInteger received = new AtomicInteger();
    Handler<String, String> counting =
        (connection, line) -> {
          received.incrementAndGet();
          connection.send(line);
        };
    try (Server server = server(counting)) {
      JsonNode result = bench(server, "--rate=500", "--seconds=2", "--connections=5");
      assertThat(received.get()).as("with the warm-up").isBetween(1_045, 1_055);
      // Answers that come after the end do not count.
      assertThat(result.get("messages").asInt()).isBetween(1, 1_001);
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
      JsonNode result = bench(server, "--protocol=resp", "--seconds=2", "--connections=1");
      assertThat(result.get("errors").asInt())
          .isPositive()
          .isCloseTo(result.get("messages").asInt(), org.assertj.core.data.Offset.offset(2));
    }
  }

  @Test
  void messagesWithoutAnAnswerAtTheEndAreErrors() {
    AtomicInteger received = new AtomicInteger();
    Handler<String, String> hanging =
        (connection, line) -> {
          if (received.incrementAndGet() <= 50) { // half of the warm-up
            connection.send(line);
          }
        };
    try (Server server = server(hanging)) {
      JsonNode result = bench(server, "--rate=1000", "--seconds=1", "--connections=2");
      assertThat(result.get("errors").asInt()).isEqualTo(1_050);
      assertThat(result.get("messages").asInt()).isLessThanOrEqualTo(50);
      // The answers are awaited for two seconds after the measured one.
      assertThat(result.get("latencyMicros").get("p50").asDouble()).isGreaterThan(2_400_000);
      assertThat(result.get("latencyMicros").get("max").asDouble()).isGreaterThan(2_900_000);
    }
  }

  @Test
  void answersAreAwaitedAtTheEnd() {
    Handler<String, String> slow =
        (connection, line) ->
            connection.runAfter(Duration.ofSeconds(1), () -> connection.send(line));
    try (Server server = server(slow)) {
      CommandRun run =
          CommandRun.of(
              "",
              "bench",
              "--json",
              "--warmup-seconds=0",
              "--seconds=0.1",
              "--connections=1",
              "127.0.0.1:" + server.port());
      JsonNode result = JsonMapper.shared().readTree(run.out());
      assertThat(result.get("messages").asInt()).isZero(); // within the measured time
      assertThat(result.get("latencyMicros").get("max").asDouble()).isGreaterThan(999_000);
    }
  }

  @Test
  void serverThatHangsDoesNotDelayTheEnd() throws Exception {
    try (ServerSocket server = new ServerSocket(0, 100, InetAddress.getLoopbackAddress())) {
      CommandRun run =
          CommandRun.of(
              "",
              "bench",
              "--warmup-seconds=0",
              "--seconds=0.1",
              "--connections=50", // with two seconds each, the test would take too long
              "127.0.0.1:" + server.getLocalPort());
      assertThat(run.out()).startsWith("0 messages in 0.1 s: 0 per second, 50 errors");
      assertThat(run.status()).isEqualTo(1);
    }
  }

  @Test
  void serverThatReadsLateGetsAllMessages() {
    Handler<ByteBuf, ByteBuf> late =
        new Handler<>() {
          @Override
          public void onConnect(Connection<ByteBuf> connection) {
            connection.pauseReading();
            connection.runAfter(Duration.ofMillis(300), connection::resumeReading);
          }

          @Override
          public void onMessage(Connection<ByteBuf> connection, ByteBuf message) {
            connection.send(Unpooled.EMPTY_BUFFER);
          }
        };
    try (Server server =
        Server.builder(Protocols::lengthPrefixed, late).listen("tcp://127.0.0.1:0").start()) {
      JsonNode result =
          bench(
              server,
              "--protocol=length",
              "--connections=1",
              "--depth=24",
              "--size=1000000",
              "--seconds=2");
      assertThat(result.get("errors").asInt()).isZero();
      assertThat(result.get("messages").asInt()).isPositive();
    }
  }

  @Test
  void serverThatClosesIsTold() {
    try (Server server = server((connection, line) -> connection.close())) {
      for (String option : new String[] {"--rate=100", "--depth=2"}) {
        CommandRun run =
            CommandRun.of("", "bench", option, "--seconds=5", "127.0.0.1:" + server.port());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("jev bench: all connections have closed: PEER_CLOSED");
      }
    }
  }

  @Test
  void connectionThatClosesInTheWarmUpIsAnError() {
    AtomicBoolean closed = new AtomicBoolean();
    Handler<String, String> closing =
        (connection, line) -> {
          if (closed.compareAndSet(false, true)) {
            connection.close();
          } else {
            connection.send(line);
          }
        };
    try (Server server = server(closing)) {
      JsonNode result = bench(server, "--connections=2", "--seconds=0.3");
      assertThat(result.get("errors").asInt()).isEqualTo(1);
    }
  }

  @Test
  void messageThatCannotBePackedIsTold() {
    try (Server server = server(Connection::send);
        LogCapture log = new LogCapture("dev.jev")) {
      for (String option : new String[] {"--rate=100", "--depth=2"}) {
        CommandRun run =
            CommandRun.of("", "bench", option, "--message=a\nb", "127.0.0.1:" + server.port());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err())
            .contains("jev bench: all connections have closed: HANDLER_ERROR: ")
            .contains("message: has a line break (expected: one line)");
      }
      assertThat(log.records()).isNotEmpty();
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
    assertThat(error("--depth=0")).isEqualTo("depth: 0 (expected: >= 1, and 1 with --rate)");
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
    assertThat(run.status()).isEqualTo(2);
    return run.err().strip().replace("jev bench: ", "");
  }
}
