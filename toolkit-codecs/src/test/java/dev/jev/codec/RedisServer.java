package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A redis-server process of version 7 that listens on a Unix domain socket only. */
final class RedisServer implements AutoCloseable {

  private final Path socket;
  private final Process process;

  private RedisServer(Path socket, Process process) {
    this.socket = socket;
    this.process = process;
  }

  /** Starts a server, or skips the test if none is installed; on CI, one must be installed. */
  static RedisServer start(Path directory) throws IOException {
    if (System.getenv("CI") == null) {
      assumeTrue(isInstalled(), "redis-server is not installed");
    }
    Path socket = directory.resolve("redis.sock");
    String[] command = {
      "redis-server",
      "--port",
      "0",
      "--unixsocket",
      socket.toString(),
      "--save",
      "",
      "--enable-debug-command",
      "yes"
    };
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    RedisServer server = new RedisServer(socket, process);
    try {
      BufferedReader log = process.inputReader(UTF_8);
      String line = log.readLine();
      boolean isVersion7 = false;
      while (line != null && !line.contains("ready to accept connections at")) {
        isVersion7 |= line.contains("Redis version=7.");
        line = log.readLine();
      }
      assertThat(line).as("redis-server is ready").isNotNull();
      assumeTrue(isVersion7, "redis-server is not version 7");
    } catch (Throwable e) {
      server.close();
      throw e;
    }
    return server;
  }

  Path socket() {
    return socket;
  }

  /** Returns all bytes of the answer, one character per byte. */
  String answer(String request) throws IOException {
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.connect(UnixDomainSocketAddress.of(socket));
      // Without QUIT, Redis would drop unwritten output at the end of the input.
      channel.write(ByteBuffer.wrap((request + "QUIT\r\n").getBytes(ISO_8859_1)));
      InputStream answers = Channels.newInputStream(channel);
      String answer = new String(answers.readAllBytes(), ISO_8859_1);
      String quit = "+OK\r\n";
      assertThat(answer).endsWith(quit);
      return answer.substring(0, answer.length() - quit.length());
    }
  }

  @Override
  public void close() {
    process.destroy();
    try {
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).as("redis-server ends").isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    } finally {
      process.destroyForcibly();
    }
  }

  private static boolean isInstalled() {
    return Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1))
        .anyMatch(directory -> Path.of(directory, "redis-server").toFile().canExecute());
  }
}
