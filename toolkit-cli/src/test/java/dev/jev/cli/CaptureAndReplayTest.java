package dev.jev.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Program;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The commands capture and replay. */
@Timeout(60)
class CaptureAndReplayTest {

  @TempDir private static Path directory;

  private static @Nullable String conversation;

  private static Server server(Handler<String, String> handler) {
    return Server.builder(Protocols::lines, handler).listen("tcp://127.0.0.1:0").start();
  }

  /** A client of the server that is captured. */
  private interface Visitor {
    void visit(String uri) throws Exception;
  }

  /** Captures a conversation of three lines with a server that echoes, once for all tests. */
  private static synchronized String capture() throws Exception {
    if (conversation == null) {
      conversation =
          capture(
              "yesterday.pcap",
              uri -> {
                CommandRun client = CommandRun.of("one\ntwo\nthree\n", "cat", "--wait=1.5", uri);
                assertThat(client.out().lines()).containsExactly("one", "two", "three");
              });
    }
    return conversation;
  }

  private static String capture(String name, Visitor visitor) throws Exception {
    String file = directory.resolve(name).toString();
    try (Server echo = server(Connection::send);
        PipedInputStream printed = new PipedInputStream();
        PrintStream out = new PrintStream(new PipedOutputStream(printed), true, UTF_8)) {
      CompletableFuture<Integer> capturing =
          CompletableFuture.supplyAsync(
              () ->
                  Jev.run(
                      InputStream.nullInputStream(),
                      out,
                      out,
                      "capture",
                      "--listen=tcp://127.0.0.1:0",
                      "--to=tcp://127.0.0.1:" + echo.port(),
                      "--seconds=4", // until then, the visitor must have ended
                      file));
      String line = new BufferedReader(new InputStreamReader(printed, UTF_8)).readLine();
      assertThat(line).startsWith("listening on tcp://127.0.0.1:");
      visitor.visit(line.substring("listening on ".length()));
      assertThat(capturing.get(30, TimeUnit.SECONDS)).isZero();
    }
    return file;
  }

  @Test
  void captureIsReplayed() throws Exception {
    String file = capture();
    try (Server echo = server(Connection::send)) {
      CommandRun run = CommandRun.of("", "replay", "--at-once", "127.0.0.1:" + echo.port(), file);
      assertThat(run.err()).isEmpty();
      assertThat(run.out())
          .startsWith("1 connections in ")
          .contains("14 bytes sent, 14 received, 14 in the capture; 0 connections differ");
      assertThat(run.status()).isZero();
    }
  }

  @Test
  void clientThatEndsItsOutputStillGetsItsAnswers() throws Exception {
    capture(
        "half-closed.pcap",
        uri -> {
          for (int i = 0; i < 20; i++) {
            URI address = URI.create(uri);
            try (Socket client = new Socket(address.getHost(), address.getPort())) {
              client.setSoTimeout(10_000);
              client.getOutputStream().write("one\ntwo\n".getBytes(UTF_8));
              client.shutdownOutput();
              assertThat(client.getInputStream().readAllBytes()).asString().isEqualTo("one\ntwo\n");
            }
          }
        });
  }

  @Test
  void otherAnswersAreTold() throws Exception {
    String file = capture();
    try (Server other =
        server((connection, line) -> connection.send(line.toUpperCase(Locale.ROOT)))) {
      String address = "127.0.0.1:" + other.port();
      CommandRun run = CommandRun.of("", "replay", "--at-once", address, file);
      assertThat(run.status()).isEqualTo(1);
      assertThat(run.out()).startsWith("connection 1, byte 0: ").contains("; 1 connections differ");
      assertThat(CommandRun.of("", "replay", "--at-once", "--count-only", address, file).status())
          .isZero();
    }
  }

  @Test
  void missingCaptureIsOneLine() {
    String file = directory.resolve("none.pcap").toString();
    CommandRun run = CommandRun.of("", "replay", "127.0.0.1:1", file);
    assertThat(run.status()).isEqualTo(1);
    assertThat(run.err()).startsWith("jev replay: ").contains("none.pcap").hasLineCount(1);
  }

  @Test
  void serverThatRefusesIsToldAtMostOncePerSecond() throws Exception {
    int refusing;
    try (ServerSocket socket = new ServerSocket(0)) {
      refusing = socket.getLocalPort();
    }
    String file = directory.resolve("refused.pcap").toString();
    String to = "tcp://127.0.0.1:" + refusing;
    long begin = System.nanoTime();
    try (Program capture =
        Program.java(
            "-cp",
            Program.classPath(),
            Jev.class.getName(),
            "capture",
            "--listen=tcp://127.0.0.1:0",
            "--to=" + to,
            file)) {
      capture.listens(Pattern.compile("listening on tcp://127.0.0.1:(\\d+)"));
      for (int i = 0; i < 10; i++) {
        try (Socket client = new Socket(InetAddress.getLoopbackAddress(), capture.port())) {
          assertThat(client.getInputStream().read()).isEqualTo(-1);
        }
      }
      long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begin);
      assertThat(capture.errors().stream().filter(line -> line.startsWith("jev ")).toList())
          .hasSizeBetween(1, 1 + (int) seconds)
          .containsOnly("jev capture: cannot connect to " + to + ": Connection refused");
    }
  }

  @Test
  void addressIsCheckedWithoutAConnection() throws Exception {
    AtomicInteger connections = new AtomicInteger();
    Handler<String, String> counting =
        new Handler<>() {
          @Override
          public void onConnect(Connection<String> connection) {
            connections.incrementAndGet();
          }

          @Override
          public void onMessage(Connection<String> connection, String line) {}
        };
    try (Server server = server(counting)) {
      String to = "--to=tcp://127.0.0.1:" + server.port();
      CommandRun run = capture(to, "--seconds=0.3");
      assertThat(run.status()).isZero();
      assertThat(run.err()).isEmpty();
    }
    assertThat(connections).hasValue(0);
  }

  private CommandRun capture(String... options) {
    Stream<String> fixed =
        Stream.of(
            "capture", "--listen=tcp://127.0.0.1:0", directory.resolve("some.pcap").toString());
    return CommandRun.of("", Stream.concat(fixed, Stream.of(options)).toArray(String[]::new));
  }

  @Test
  void invalidValuesAreNamed() {
    assertThat(error(capture("--to=localhost", "--seconds=0.1")))
        .startsWith("jev capture: address: localhost (expected: [tcp[4|6]://");
    assertThat(error(capture("--to=tcp://localhost:0", "--seconds=0.1")))
        .isEqualTo("jev capture: port: 0 (expected: 1..65535)");
    assertThat(error(capture("--to=localhost:1", "--one-in=0")))
        .startsWith("jev capture: oneIn: 0 (expected: 1..");
    assertThat(error(CommandRun.of("", "replay", "--speed=0", "localhost:1", "file")))
        .isEqualTo("jev replay: times: 0.0 (expected: > 0)");
  }

  private static String error(CommandRun run) {
    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err()).hasLineCount(1);
    return run.err().strip();
  }

  @Test
  void wrongArgumentsAreNamed() {
    assertThat(CommandRun.of("", "capture", "--to=tcp://localhost:1", "file").err())
        .contains("Missing required option: '--listen=URI'");
    assertThat(CommandRun.of("", "replay", "localhost:1").err())
        .contains("Missing required parameter: 'FILE'");
  }
}
