package dev.jev.codec;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Program;
import java.io.IOException;
import java.io.InputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

/** A redis-server process of version 7 that listens on a Unix domain socket only. */
final class RedisServer implements AutoCloseable {

  private final Path socket;
  private final Program program;

  private RedisServer(Path socket, Program program) {
    this.socket = socket;
    this.program = program;
  }

  static RedisServer start(Path directory) throws Exception {
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
    RedisServer server = new RedisServer(socket, Program.start(command));
    try {
      server.awaitStart();
    } catch (Throwable e) {
      server.close();
      throw e;
    }
    return server;
  }

  private void awaitStart() throws Exception {
    String line = program.line();
    boolean isVersion7 = false;
    while (!line.contains("ready to accept connections at")) {
      isVersion7 |= line.contains("Redis version=7.");
      line = program.line();
    }
    if (!isVersion7) {
      Program.skip("redis-server of version 7", "redis-server");
    }
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
  public void close() throws IOException {
    try (program) {
      program.terminate().exitStatus();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
