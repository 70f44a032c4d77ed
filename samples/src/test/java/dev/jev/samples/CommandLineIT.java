package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Program;
import dev.jev.Transport;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@Timeout(180)
class CommandLineIT {

  private static final String PROGRAMS =
      "echo, length-prefixed, length-prefixed-client, redis, redis-ask, http, ws-echo, ws-broadcast,"
          + " push, chat, topics, mqtt, wake, max-connections, timed-push, ticker-push, buffer-length,"
          + " send-async, worker-pool, magic-number, magic-number-client, protobuf,"
          + " protobuf-client, json-chat, multiplexed, tunneled, bridge, proxy, counted, idle, limited, proxied,"
          + " compressed, traced, shaped, drained";

  static Stream<Arguments> mistakes() {
    return Stream.of(
        Arguments.of("", "samples: program: none (expected: one of " + PROGRAMS + ")", 2),
        Arguments.of("nosuch", "samples: program: nosuch (expected: one of " + PROGRAMS + ")", 2),
        Arguments.of("--nosuch", "samples: Unknown option: '--nosuch'", 2),
        Arguments.of("echo --nosuch", "samples echo: Unknown option: '--nosuch'", 2),
        Arguments.of("echo more", "samples echo: Unmatched argument at index 1: 'more'", 2),
        Arguments.of(
            "redis --port x",
            "samples redis: Invalid value for option '--port': 'x' is not an int",
            2),
        Arguments.of(
            "redis --transport carrier-pigeon",
            "samples redis: Invalid value for option '--transport': carrier-pigeon"
                + " (expected: one of auto, io_uring, epoll, kqueue, nio)",
            2),
        Arguments.of(
            "echo --balance feather",
            "samples echo: Invalid value for option '--balance': feather"
                + " (expected: one of round-robin, random, least-connections, source-hash)",
            2),
        Arguments.of(
            "push --period-ms x",
            "samples push: Invalid value for option '--period-ms': 'x' is not an int",
            2),
        Arguments.of("chat --nosuch", "samples chat: Unknown option: '--nosuch'", 2),
        Arguments.of("echo --port 70000", "samples echo: port: 70000 (expected: 0..65535)", 1),
        Arguments.of("echo --loops 0", "samples echo: eventLoops: 0 (expected: 1..1024)", 1));
  }

  @ParameterizedTest
  @MethodSource("mistakes")
  void mistakeIsAnsweredWithOneLine(String arguments, String line, int status) throws Exception {
    String[] words = arguments.isEmpty() ? new String[0] : arguments.split(" ", -1);
    try (Program program = Sample.start(words)) {
      assertThat(program.exitStatus()).isEqualTo(status);
      assertThat(program.errors()).containsExactly(line);
      assertThat(program.output()).isEmpty();
    }
  }

  @Test
  void portInUseIsAnsweredWithOneLine() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String port = String.valueOf(taken.getLocalPort());
      try (Program program = Sample.start("echo", "--port", port)) {
        assertThat(program.exitStatus()).isEqualTo(1);
        assertThat(program.errors())
            .singleElement()
            .asString()
            .startsWith("samples echo: ")
            .contains("127.0.0.1:" + port)
            .containsIgnoringCase("address already in use");
        assertThat(program.output()).isEmpty();
      }
    }
  }

  @Test
  void missingTransportIsAnsweredWithOneLine() throws Exception {
    // No machine has both.
    Transport missing = Transport.KQUEUE.isAvailable() ? Transport.EPOLL : Transport.KQUEUE;
    String name = missing.name().toLowerCase(Locale.ROOT);
    try (Program program = Sample.start("echo", "--port", "0", "--transport", name)) {
      assertThat(program.exitStatus()).isEqualTo(1);
      assertThat(program.errors())
          .singleElement()
          .asString()
          .startsWith("samples echo: transport: " + missing + " (expected: ");
    }
  }

  @Test
  void helpListsThePrograms() throws Exception {
    try (Program program = Sample.start("--help")) {
      assertThat(program.exitStatus()).isZero();
      assertThat(String.join("\n", program.output())).contains(PROGRAMS.split(", ", -1));
      assertThat(program.errors()).isEmpty();
    }
  }

  @Test
  void helpOfAProgramListsItsOptions() throws Exception {
    try (Program program = Sample.start("length-prefixed", "--help")) {
      assertThat(program.exitStatus()).isZero();
      assertThat(String.join("\n", program.output()))
          .contains(
              "--host",
              "--port",
              "--loops",
              "--transport",
              "--reuseport",
              "--balance",
              "--offload",
              "(default: 127.0.0.1)",
              "5001");
    }
  }
}
