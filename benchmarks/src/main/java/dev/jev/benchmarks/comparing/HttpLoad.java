package dev.jev.benchmarks.comparing;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A load of HTTP GET requests by wrk, with {@code depth} pipelined requests per connection. */
final class HttpLoad implements Load {

  private static final int REPLY_MILLIS = 5_000;
  private static final String REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  private static final String BODY = "Hello, World!";

  private static final String SCRIPT =
      """
      local requests = {}
      for i = 1, %d do
        requests[i] = "GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n"
      end
      local all = table.concat(requests)
      request = function() return all end
      done = function(summary, latency)
        local e = summary.errors
        io.write(string.format("figures,%%d,%%d,%%d,%%d,%%d,%%d\\n", summary.requests, summary.duration,
          latency:percentile(50), latency:percentile(99), latency.max,
          e.connect + e.read + e.write + e.status + e.timeout))
      end
      """;

  private final int connections;
  private final ExperimentOptions options;
  private final ChildProcesses children;
  private final Path script;

  HttpLoad(int connections, int depth, ExperimentOptions options, ChildProcesses children) {
    this.connections = connections;
    this.options = options;
    this.children = children;
    try {
      script = Files.createTempFile("http", ".lua");
      script.toFile().deleteOnExit();
      Files.writeString(script, SCRIPT.formatted(depth));
    } catch (IOException e) {
      throw new BenchmarkException("wrk script: " + e.getMessage() + " (expected: a file)");
    }
  }

  /** Checks that the server answers a request with the greeting. */
  @Override
  public void prepare(ServerProcess server) {
    try (Socket socket = new Socket()) {
      socket.connect(server.address(), REPLY_MILLIS);
      socket.setSoTimeout(REPLY_MILLIS);
      socket.getOutputStream().write(REQUEST.getBytes(US_ASCII));
      InputStream in = socket.getInputStream();
      StringBuilder reply = new StringBuilder();
      for (int read; !reply.toString().endsWith(BODY) && (read = in.read()) >= 0; ) {
        reply.append((char) read);
      }
      if (!reply.toString().matches("(?s)HTTP/1.1 200 OK\r\n.*\r\n\r\n" + BODY)) {
        throw new BenchmarkException(server.label() + ": different reply (expected: a greeting)");
      }
    } catch (IOException e) {
      throw new BenchmarkException(
          server.label() + ": GET: " + e.getMessage() + " (expected: a reply)");
    }
  }

  @Override
  public Sample run(ServerProcess server, double warmupSeconds, double seconds) {
    benchmark(server, warmupSeconds);
    return benchmark(server, seconds);
  }

  private Sample benchmark(ServerProcess server, double seconds) {
    long whole = Math.max(1, Math.round(seconds)); // wrk takes whole seconds
    List<String> command = new ArrayList<>(options.onLoadCore());
    command.addAll(List.of("wrk", "-t1", "-c" + connections, "-d" + whole + "s"));
    command.addAll(List.of("-s", script.toString(), "http://127.0.0.1:" + server.port() + "/"));
    CpuTime before = CpuTime.readWithEndedChildren(server.pid());
    String output = children.run(command, Duration.ofSeconds(whole + 60));
    CpuTime used = CpuTime.readWithEndedChildren(server.pid()).since(before);
    String[] figures =
        output
            .lines()
            .filter(line -> line.startsWith("figures,"))
            .findFirst()
            .orElse("")
            .split(",", -1);
    if (figures.length != 7 || !figures[6].equals("0")) {
      throw new BenchmarkException("wrk: " + output.strip() + " (expected: figures, no error)");
    }
    return new Sample(
        Long.parseLong(figures[1]),
        Double.parseDouble(figures[2]) / 1e6,
        used,
        Double.parseDouble(figures[3]),
        Double.parseDouble(figures[4]),
        Double.parseDouble(figures[5]));
  }
}
