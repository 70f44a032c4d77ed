package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Program;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;

/** A Redis without persistence on a free port. */
record LocalRedis(Program program, int port) implements AutoCloseable {

  static LocalRedis start() throws Exception {
    int port = freePort();
    Program redis =
        Program.start("redis-server", "--port", "" + port, "--bind", "127.0.0.1", "--save", "");
    for (String line = redis.line(); !line.contains("Ready to accept"); line = redis.line()) {
      assertThat(line).doesNotContain("Failed");
    }
    return new LocalRedis(redis, port);
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  String uri() {
    return "redis://127.0.0.1:" + port;
  }

  @Override
  public void close() throws IOException {
    program.close();
  }
}
