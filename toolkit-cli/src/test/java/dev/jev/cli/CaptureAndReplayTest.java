package dev.jev.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Connection;
import dev.jev.Handler;
import dev.jev.Server;
import dev.jev.codec.Protocols;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The commands capture and replay. */
@Timeout(60)
class CaptureAndReplayTest {

  @TempDir private Path directory;

  private static Server server(Handler<String, String> handler) {
    return Server.builder(Protocols::lines, handler).listen("tcp://127.0.0.1:0").start();
  }

  /** A client of the server that is captured. */
  private interface Visitor {
    void visit(String uri) throws Exception;
  }

  /** Captures a conversation of three lines with a server that echoes. */
  private String capture() throws Exception {
    return capture(
        uri -> {
          CommandRun client = CommandRun.of("one\ntwo\nthree\n", "cat", "--wait=0.3", uri);
          assertThat(client.out().lines()).containsExactly("one", "two", "three");
        });
  }

  private String capture(Visitor visitor) throws Exception {
    String file = directory.resolve("yesterday.pcap").toString();
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
                      "--seconds=2",
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
  void wrongArgumentsAreNamed() {
    assertThat(CommandRun.of("", "capture", "--to=tcp://localhost:1", "file").err())
        .contains("Missing required option: '--listen=URI'");
    assertThat(CommandRun.of("", "replay", "localhost:1").err())
        .contains("Missing required parameter: 'FILE'");
  }
}
