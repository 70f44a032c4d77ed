package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.JavaCommandLine;
import dev.jev.benchmarks.shared.Polling;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A server process that is measured.
 *
 * @param label the name of the server in the tables
 */
record ServerProcess(String label, Process process, int port) {

  private static final Duration START_LIMIT = Duration.ofSeconds(30);
  private static final Pattern LISTENING =
      Pattern.compile("listening on tcp://127\\.0\\.0\\.1:(\\d+)");

  /**
   * Starts the named server and waits until it accepts connections.
   *
   * <p>{@code jev:NAME} is a sample, {@code jev-websocket:NAME} a {@link JevWebSocketCommand},
   * {@code netty:NAME} and {@code netty-void-promise:NAME} are a {@link BaselineCommand}. Options
   * may follow the name. {@code jev-echo} is a {@link JevEchoCommand}. All of these get the same
   * JVM flags. {@code redis-server} is that program, {@code exec:COMMAND} any command that prints
   * the same line as the samples.
   */
  static ServerProcess start(
      String name, ExperimentOptions options, List<String> jvmFlags, ChildProcesses children) {
    List<String> command = new ArrayList<>(List.of("taskset", "-c", options.serverCore()));
    if (name.equals("redis-server")) {
      int port = freePort();
      String arguments =
          "--bind 127.0.0.1 --appendonly no --io-threads 1 --loglevel warning --port ";
      command.add("redis-server");
      command.addAll(List.of((arguments + port).split(" ", -1)));
      command.addAll(List.of("--save", ""));
      Process process = children.start(command);
      Polling.awaitAccept(process, port, START_LIMIT);
      return new ServerProcess(name, process, port);
    }
    if (name.startsWith("jev:")) {
      String sample = name.substring("jev:".length());
      command.add(JavaCommandLine.jdkTool("java"));
      command.addAll(jvmFlags);
      command.addAll(List.of("-jar", options.samplesJar()));
      command.addAll(List.of(sample.split(" ", -1)));
      command.addAll(List.of("--loops", "1", "--port", "0"));
      if (!sample.contains("--transport")) {
        command.addAll(List.of("--transport", "epoll"));
      }
    } else if (name.startsWith("netty:") || name.startsWith("netty-void-promise:")) {
      command.addAll(JavaCommandLine.ofThisProgram(jvmFlags));
      command.add("baseline");
      command.addAll(List.of(name.substring(name.indexOf(':') + 1).split(" ", -1)));
      command.addAll(List.of("--loops", "1", "--port", "0"));
      if (name.startsWith("netty-void-promise:")) {
        command.add("--void-promise");
      }
    } else if (name.equals("jev-echo")) {
      command.addAll(JavaCommandLine.ofThisProgram(jvmFlags));
      command.add(name);
    } else if (name.startsWith("jev-websocket:")) {
      command.addAll(JavaCommandLine.ofThisProgram(jvmFlags));
      command.addAll(List.of(name.replace(':', ' ').split(" ", -1)));
    } else if (name.startsWith("exec:")) {
      command.addAll(List.of(name.substring("exec:".length()).split(" ", -1)));
    } else {
      throw new BenchmarkException(
          "server: "
              + name
              + " (expected: jev:NAME, jev-echo, jev-websocket:NAME, netty:NAME, redis-server, exec:COMMAND)");
    }
    Process process = children.start(command);
    String line = ChildProcesses.firstLine(process, name, START_LIMIT);
    Matcher listening = LISTENING.matcher(line);
    if (!listening.matches()) {
      throw new BenchmarkException(
          name + ": " + line + " (expected: listening on tcp://127.0.0.1:PORT)");
    }
    return new ServerProcess(name, process, Integer.parseInt(listening.group(1)));
  }

  long pid() {
    return process.pid();
  }

  InetSocketAddress address() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
  }

  private static int freePort() {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new BenchmarkException("port: " + e.getMessage() + " (expected: a free one)");
    }
  }
}
