package dev.jev.benchmarks.capacity;

import static java.util.stream.Collectors.joining;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.Polling;
import dev.jev.benchmarks.shared.ProcFs;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A Redis server, or a cluster of masters, on the core of the servers. */
final class RedisServers {

  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final Pattern USED_MEMORY = Pattern.compile("(?m)^used_memory:(\\d+)");

  private final ChildProcesses children;
  private final List<Process> processes = new ArrayList<>();
  private final List<Integer> ports = new ArrayList<>();

  private RedisServers(ChildProcesses children) {
    this.children = children;
  }

  static RedisServers single(ChildProcesses children, String core) {
    RedisServers redis = new RedisServers(children);
    redis.start(core, List.of());
    return redis;
  }

  static RedisServers cluster(ChildProcesses children, String core, int masters, Path directory) {
    RedisServers redis = new RedisServers(children);
    for (int i = 0; i < masters; i++) {
      Path own = directory.resolve("redis-" + i);
      try {
        Files.createDirectories(own);
      } catch (IOException e) {
        throw new BenchmarkException(own + ": " + e.getMessage());
      }
      redis.start(core, List.of("--cluster-enabled", "yes", "--dir", own.toString()));
    }
    List<String> create = new ArrayList<>(List.of("redis-cli", "--cluster", "create"));
    redis.ports.forEach(port -> create.add("127.0.0.1:" + port));
    create.add("--cluster-yes");
    children.run(create, LIMIT);
    for (int port : redis.ports) {
      while (!redis.ask(port, "cluster", "info").contains("cluster_state:ok")) {
        Polling.pause();
      }
    }
    return redis;
  }

  private void start(String core, List<String> options) {
    int port = freePort();
    List<String> command = new ArrayList<>(List.of("taskset", "-c", core, "redis-server"));
    command.addAll(List.of("--bind", "127.0.0.1", "--port", String.valueOf(port), "--save", ""));
    command.addAll(List.of("--appendonly", "no", "--loglevel", "warning"));
    command.addAll(options);
    Process process = children.start(command);
    processes.add(process);
    ports.add(port);
    Polling.awaitAccept(process, port, LIMIT);
  }

  /** The port of a cluster's bus is 10,000 higher. */
  private static int freePort() {
    for (int port = 0; ; ) {
      try (ServerSocket socket = new ServerSocket(port)) {
        if (socket.getLocalPort() < 50_000) {
          return socket.getLocalPort();
        }
        port = socket.getLocalPort() - 20_000;
      } catch (IOException e) {
        port = 0;
      }
    }
  }

  String uri() {
    return ports.stream().map(port -> "127.0.0.1:" + port).collect(joining(",", "redis://", ""));
  }

  double processorSeconds() {
    return processes.stream().mapToDouble(process -> ProcFs.processorSeconds(process.pid())).sum();
  }

  /** Returns the bytes that all servers together have in use. */
  long usedMemory() {
    long bytes = 0;
    for (int port : ports) {
      Matcher used = USED_MEMORY.matcher(ask(port, "info", "memory"));
      if (!used.find()) {
        throw new BenchmarkException("redis-server: no used_memory (expected: INFO memory has it)");
      }
      bytes += Long.parseLong(used.group(1));
    }
    return bytes;
  }

  void flush() {
    ports.forEach(port -> ask(port, "flushall"));
  }

  private String ask(int port, String... command) {
    List<String> line = new ArrayList<>(List.of("redis-cli", "-p", String.valueOf(port)));
    line.addAll(List.of(command));
    return children.run(line, LIMIT);
  }
}
