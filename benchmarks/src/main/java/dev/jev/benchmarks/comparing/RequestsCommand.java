package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.JavaCommandLine;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Compares the CPU time per message of two clients, which stay connected to the same server and
 * work in turns.
 */
@Command(
    name = "requests",
    description = "Compares clients: Requests with plain send, and with Lettuce.")
public final class RequestsCommand implements Callable<Integer> {

  private static final List<String> JVM_FLAGS = List.of("-Xms256m", "-Xmx256m", "-XX:+UseSerialGC");

  @Mixin private ExperimentOptions options = new ExperimentOptions();

  @Option(
      names = "--clients",
      description = "the two kinds, for example jev-get,lettuce-get (default: ${DEFAULT-VALUE})",
      split = ",")
  private List<String> kinds = List.of("in-order", "send");

  @Option(names = "--rounds", description = "default: ${DEFAULT-VALUE}")
  private int rounds = 15;

  @Option(names = "--slice-ms", description = "default: ${DEFAULT-VALUE}")
  private long sliceMillis = 1_000;

  @Option(names = "--warm-up-ms", description = "of each client; default: ${DEFAULT-VALUE}")
  private long warmUpMillis = 8_000;

  /** The messages and the CPU time of a slice. */
  private record Slice(double messages, double nanos) {

    double microsPerMessage() {
      return nanos / messages / 1e3;
    }
  }

  @Override
  public Integer call() {
    if (kinds.size() != 2) {
      throw new BenchmarkException("clients: " + kinds.size() + " (expected: 2)");
    }
    try (ChildProcesses children = new ChildProcesses()) {
      String server = RequestsClientCommand.needsRedis(kinds.get(0)) ? "redis-server" : "jev-echo";
      ServerProcess started = ServerProcess.start(server, options, JVM_FLAGS, children);
      List<Process> clients = new ArrayList<>();
      for (String kind : kinds) {
        clients.add(start(kind, started.port(), children));
      }
      List<List<Slice>> slices = List.of(new ArrayList<>(), new ArrayList<>());
      clients.forEach(client -> slice(client, warmUpMillis));
      for (int round = 0; round < rounds; round++) {
        for (int turn = 0; turn < 2; turn++) {
          int client = (round + turn) % 2;
          slices.get(client).add(slice(clients.get(client), sliceMillis));
        }
      }
      report(slices.get(0), slices.get(1));
    }
    return 0;
  }

  private Process start(String kind, int port, ChildProcesses children) {
    List<String> command = new ArrayList<>(options.onLoadCore());
    command.addAll(JavaCommandLine.ofThisProgram(JVM_FLAGS));
    command.addAll(List.of("requests-client", kind, "--port", String.valueOf(port)));
    return children.start(command);
  }

  private static Slice slice(Process client, long millis) {
    try {
      BufferedWriter in = client.outputWriter();
      in.write(millis + "\n");
      in.flush();
      BufferedReader out = client.inputReader();
      String line = out.readLine();
      if (line == null) {
        throw new BenchmarkException("client: ended (expected: the figures of a slice)");
      }
      String[] figures = line.split(" ", -1);
      return new Slice(Long.parseLong(figures[0]), Long.parseLong(figures[1]));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void report(List<Slice> first, List<Slice> second) {
    SummaryStatistics ratio = SummaryStatistics.ofRatios(micros(first), micros(second));
    String row =
        String.format(
            Locale.ROOT,
            "| %s | %s | %s | %s | %.2f / %.2f | %,.0f / %,.0f |",
            kinds.get(0),
            kinds.get(1),
            new RatioCheck(ratio, options.bar(1)).cell(),
            ratio.format(3),
            SummaryStatistics.of(micros(first)).median(),
            SummaryStatistics.of(micros(second)).median(),
            rate(first),
            rate(second));
    System.out.println(row);
    options.appendMarkdown(row);
  }

  private static double[] micros(List<Slice> slices) {
    return slices.stream().mapToDouble(Slice::microsPerMessage).toArray();
  }

  private double rate(List<Slice> slices) {
    return SummaryStatistics.of(slices, Slice::messages).median() / sliceMillis * 1_000;
  }
}
