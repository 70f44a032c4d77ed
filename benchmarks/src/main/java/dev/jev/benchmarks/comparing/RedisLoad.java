package dev.jev.benchmarks.comparing;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import java.io.IOException;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A load by one test of {@code redis-benchmark}. */
final class RedisLoad implements Load {

  /** Minimum number of requests per run. A shorter run consists mostly of its start. */
  private static final long MIN_REQUESTS = 100_000;

  /** The key that redis-benchmark requests unless it is told to vary the keys. */
  private static final String BENCHMARK_KEY = "key:__rand_int__";

  private static final int REPLY_MILLIS = 5_000;

  private final String test;
  private final int connections;
  private final int pipeline;
  private final ExperimentOptions options;
  private final ChildProcesses children;

  RedisLoad(
      String test,
      int connections,
      int pipeline,
      ExperimentOptions options,
      ChildProcesses children) {
    this.test = test;
    this.connections = connections;
    this.pipeline = pipeline;
    this.options = options;
    this.children = children;
  }

  /** Sets the key that {@code redis-benchmark -t get} requests, and reads it back. */
  @Override
  public void prepare(ServerProcess server) {
    String request =
        command("SET", BENCHMARK_KEY, "xyz")
            + command("GET", BENCHMARK_KEY)
            + command("GET", "key that is never set");
    expect(server, request, "+OK\r\n$3\r\nxyz\r\n$-1\r\n");
  }

  @Override
  public Sample run(ServerProcess server, double warmupSeconds, double seconds) {
    long deadline = System.nanoTime() + (long) (warmupSeconds * 1e9);
    double requestsPerSecond = 0;
    do {
      requestsPerSecond = benchmark(server, (long) requestsPerSecond).messagesPerSecond();
    } while (System.nanoTime() < deadline);
    Sample sample = benchmark(server, (long) (requestsPerSecond * seconds));
    prepare(server);
    return sample;
  }

  private Sample benchmark(ServerProcess server, long wanted) {
    long requests = Math.max(MIN_REQUESTS, wanted);
    List<String> command = new ArrayList<>(options.onLoadCore());
    command.addAll(List.of("redis-benchmark", "-q", "--csv", "-h", "127.0.0.1"));
    command.addAll(List.of("-p", Integer.toString(server.port()), "-t", test));
    command.addAll(List.of("-c", Integer.toString(connections)));
    command.addAll(List.of("-P", Integer.toString(pipeline), "-n", Long.toString(requests)));
    CpuTime before = CpuTime.readWithEndedChildren(server.pid());
    String output = children.run(command, Duration.ofMinutes(5));
    CpuTime used = CpuTime.readWithEndedChildren(server.pid()).since(before);
    List<String> lines = output.lines().filter(line -> line.startsWith("\"")).toList();
    if (lines.size() != 2 || output.contains("Error")) {
      throw new BenchmarkException(
          "redis-benchmark: " + output.strip() + " (expected: a header and a line of figures)");
    }
    // "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_...","p99_...","max_..."
    String[] figures = lines.get(1).replace("\"", "").split(",", -1);
    int from = figures.length - 7;
    return new Sample(
        requests,
        requests / Double.parseDouble(figures[from]),
        used,
        Double.parseDouble(figures[from + 3]) * 1e3,
        Double.parseDouble(figures[from + 5]) * 1e3,
        Double.parseDouble(figures[from + 6]) * 1e3);
  }

  private static String command(String... words) {
    StringBuilder command = new StringBuilder("*" + words.length + "\r\n");
    for (String word : words) {
      command.append('$').append(word.length()).append("\r\n").append(word).append("\r\n");
    }
    return command.toString();
  }

  private static void expect(ServerProcess server, String request, String reply) {
    try (Socket socket = new Socket()) {
      socket.connect(server.address(), REPLY_MILLIS);
      socket.setSoTimeout(REPLY_MILLIS);
      socket.getOutputStream().write(request.getBytes(US_ASCII));
      byte[] actual = socket.getInputStream().readNBytes(reply.length());
      if (!new String(actual, US_ASCII).equals(reply)) {
        throw new BenchmarkException(
            server.label() + ": SET and GET: different reply (expected: the value that was set)");
      }
    } catch (IOException e) {
      throw new BenchmarkException(
          server.label() + ": SET and GET: " + e.getMessage() + " (expected: a reply)");
    }
  }
}
