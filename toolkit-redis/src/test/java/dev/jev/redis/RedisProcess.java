package dev.jev.redis;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.jev.Program;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A redis-server process of version 7, on a free port, with its files in a directory of its own.
 */
final class RedisProcess implements AutoCloseable {

  private final Path directory;
  private final int port;
  private final List<String> options;
  private final String ready;
  private Program program;

  private RedisProcess(Path directory, int port, String ready, List<String> options)
      throws Exception {
    this.directory = directory;
    this.port = port;
    this.ready = ready;
    this.options = options;
    this.program = launch();
  }

  /** Starts a server without persistence. */
  static RedisProcess start(Path directory, String... options) throws Exception {
    List<String> all = new ArrayList<>(List.of("--save", "", "--enable-debug-command", "yes"));
    all.addAll(List.of(options));
    return new RedisProcess(directory, freePort(), "Ready to accept connections", all);
  }

  /** Starts a sentinel that watches a master, and alone decides that it is down. */
  static RedisProcess startSentinel(Path directory, int masterPort) throws Exception {
    Path config = directory.resolve("sentinel-" + masterPort + ".conf");
    Files.writeString(
        config,
        """
        sentinel monitor main 127.0.0.1 %d 1
        sentinel down-after-milliseconds main 1500
        sentinel failover-timeout main 5000
        """
            .formatted(masterPort));
    List<String> options = List.of("--sentinel");
    return new RedisProcess(directory, freePort(), "+monitor", prepend(config.toString(), options));
  }

  private static List<String> prepend(String first, List<String> rest) {
    List<String> all = new ArrayList<>(List.of(first));
    all.addAll(rest);
    return all;
  }

  /** Returns a port that was free just now, and 10,000 above it the one of the cluster's bus. */
  static int freePort() throws IOException {
    while (true) {
      try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        if (socket.getLocalPort() < 55_000) {
          return socket.getLocalPort();
        }
      }
    }
  }

  private Program launch() throws Exception {
    Path own = Files.createDirectories(directory.resolve("redis-" + port));
    List<String> command = new ArrayList<>(List.of("redis-server"));
    boolean hasFile = !options.get(0).startsWith("-");
    command.addAll(options.subList(0, hasFile ? 1 : 0));
    command.addAll(List.of("--port", Integer.toString(port), "--bind", "127.0.0.1"));
    command.addAll(List.of("--dir", own.toString()));
    command.addAll(options.subList(hasFile ? 1 : 0, options.size()));
    Program started = Program.start(command.toArray(new String[0]));
    boolean isVersion7 = false;
    for (String line = started.line(); !line.contains(ready); line = started.line()) {
      isVersion7 |= line.contains("Redis version=7.");
    }
    if (!isVersion7) {
      started.close();
      Program.skip("redis-server of version 7", "redis-server");
    }
    return started;
  }

  int port() {
    return port;
  }

  long pid() {
    return program.pid();
  }

  String uri() {
    return "redis://127.0.0.1:" + port;
  }

  /** Sends SIGKILL and waits for the end. */
  RedisProcess kill() throws Exception {
    program.kill().exitStatus();
    program.close();
    return this;
  }

  /** Starts it again, on the same port, with the files that it has left. */
  RedisProcess restart() throws Exception {
    program = launch();
    return this;
  }

  /** Suspends the process. */
  void freeze() throws Exception {
    Program.run(new byte[0], "sh", "-c", "kill -STOP " + pid());
  }

  /** Continues the process. */
  void thaw() throws Exception {
    Program.run(new byte[0], "sh", "-c", "kill -CONT " + pid());
  }

  /** Returns whether it has logged a line with a text since the last start. */
  boolean hasLogged(String text) {
    return program.output().stream().anyMatch(line -> line.contains(text));
  }

  /** Returns all bytes of the answers to lines, one character per byte. */
  String answer(String... lines) throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      socket.setSoTimeout(10_000);
      String request = String.join("\r\n", lines) + "\r\nQUIT\r\n";
      socket.getOutputStream().write(request.getBytes(ISO_8859_1));
      return new String(socket.getInputStream().readAllBytes(), ISO_8859_1);
    }
  }

  /** Returns the output of redis-cli. */
  String cli(String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("redis-cli", "-p", Integer.toString(port)));
    command.addAll(List.of(arguments));
    return new String(Program.run(new byte[0], command.toArray(new String[0])), ISO_8859_1);
  }

  @Override
  public void close() throws IOException {
    program.close(); // with SIGKILL
  }
}
