package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.JavaCommandLine;
import dev.jev.benchmarks.shared.ProcFs;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Measures the cost of finding idle connections: memory and CPU time with Jev's reaper and with
 * Netty's handler, relative to the same server without either.
 *
 * <p>The connections are open and silent, and the action for an idle connection does nothing, so
 * that only the detection is measured. Each reading is taken in a fresh process.
 */
@Command(
    name = "idle-sweep",
    description = "Measures the memory and CPU time of finding idle connections.")
public final class IdleSweepCommand implements Callable<Integer> {

  private static final Duration LIMIT = Duration.ofMinutes(10);

  @Mixin private ExperimentOptions options = new ExperimentOptions();

  @Option(names = "--connections", description = "connections over loopback (default: 19000)")
  private int connections = 19_000;

  @Option(
      names = "--local-connections",
      description = "connections within a process (default: 1000000)")
  private int localConnections = 1_000_000;

  @Option(names = "--idle-seconds", description = "idle timeout (default: 10)")
  private int idleSeconds = 10;

  @Option(names = "--seconds", description = "duration of the CPU time measurement (default: 40)")
  private int seconds = 40;

  @Option(names = "--rounds", description = "fresh processes per server (default: 3)")
  private int rounds = 3;

  @Option(names = "--jvm", description = "flags of the servers (default: ${DEFAULT-VALUE})")
  private String jvmFlags = "-Xms512m -Xmx512m -XX:+UseSerialGC";

  @Option(
      names = "--local-jvm",
      description = "flags of the processes with local connections (default: ${DEFAULT-VALUE})")
  private String localJvmFlags = "-Xms6g -Xmx6g -XX:+UseSerialGC";

  /**
   * The cost in one process.
   *
   * @param bytes live heap per connection
   * @param cpu seconds of CPU time per second
   */
  private record Cost(double bytes, double cpu) {}

  @Override
  public Integer call() {
    List<String> kinds = List.of("none", "jev", "netty");
    if (connections > 0) {
      String jev = "jev-echo";
      String netty = "baseline echo --port 0";
      report("Jev, IdleReaper", costs(jev, jev + idle()), connections);
      report("Netty, IdleStateHandler", costs(netty, netty + idle()), connections);
    }
    if (localConnections > 0) {
      List<List<Cost>> all = new ArrayList<>();
      kinds.forEach(kind -> all.add(new ArrayList<>()));
      for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < kinds.size(); i++) {
          all.get(i).add(measureLocal(kinds.get(i)));
        }
      }
      report("Jev, IdleReaper", List.of(all.get(0), all.get(1)), localConnections);
      report("Netty, IdleStateHandler", List.of(all.get(0), all.get(2)), localConnections);
    }
    return 0;
  }

  private String idle() {
    return " --idle-seconds " + idleSeconds;
  }

  private List<List<Cost>> costs(String without, String with) {
    List<Cost> plain = new ArrayList<>();
    List<Cost> sweeping = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      plain.add(measure(without));
      sweeping.add(measure(with));
    }
    return List.of(plain, sweeping);
  }

  /** Prints the difference between the second costs and the first. */
  private void report(String name, List<List<Cost>> costs, int count) {
    List<Cost> plain = costs.get(0);
    List<Cost> sweeping = costs.get(1);
    double bytes = SummaryStatistics.of(plain, Cost::bytes).median();
    double cpu = SummaryStatistics.of(plain, Cost::cpu).median();
    SummaryStatistics moreBytes = SummaryStatistics.of(sweeping, cost -> cost.bytes() - bytes);
    SummaryStatistics moreCpu = SummaryStatistics.of(sweeping, cost -> 1_000 * (cost.cpu() - cpu));
    String without = "%.0f / %.2f".formatted(bytes, 1_000 * cpu);
    String row =
        "| %,d | %s | %s | %s | %s |"
            .formatted(count, name, moreBytes.format(0), moreCpu.format(2), without);
    System.out.println(row);
    options.appendMarkdown(row);
  }

  private Cost measure(String command) {
    try (ChildProcesses children = new ChildProcesses()) {
      List<String> program = JavaCommandLine.ofThisProgram(List.of(jvmFlags.split(" ", -1)));
      String name =
          "exec:taskset -c "
              + options.serverCore()
              + " "
              + String.join(" ", program)
              + " "
              + command;
      ServerProcess server = ServerProcess.start(name, options, List.of(), children);
      hold(server, 2_000, children, /* whileOpen= */ () -> {});
      double empty = MemoryUsage.read(server.pid(), options, children).heap();
      double[] cpu = new double[1];
      double[] full = new double[1];
      hold(
          server,
          connections,
          children,
          () -> {
            pause(2L * idleSeconds); // each is found idle once; code is compiled
            cpu[0] = processorTime(server.pid());
            full[0] = MemoryUsage.read(server.pid(), options, children).heap();
          });
      Cost cost = new Cost((full[0] - empty) / connections, cpu[0]);
      System.err.println(command + ": " + cost);
      return cost;
    }
  }

  private double processorTime(long pid) {
    double before = ProcFs.processorSeconds(pid);
    pause(seconds);
    return (ProcFs.processorSeconds(pid) - before) / seconds;
  }

  private void hold(ServerProcess server, int count, ChildProcesses children, Runnable whileOpen) {
    List<String> command = new ArrayList<>(options.onLoadCore());
    command.addAll(JavaCommandLine.ofThisProgram(List.of("-XX:+UseSerialGC", "-Xmx512m")));
    command.addAll(List.of("hold", "--port=" + server.port(), "--connections=" + count));
    Process holder = children.start(command);
    String line = ChildProcesses.firstLine(holder, "hold", LIMIT);
    if (!line.equals("open " + count)) {
      throw new BenchmarkException("hold: " + line + " (expected: open " + count + ")");
    }
    whileOpen.run();
    try {
      holder.getOutputStream().close();
    } catch (IOException alreadyEnded) {
      throw new BenchmarkException("hold: ended early (expected: open connections)");
    }
    children.stop(holder);
    pause(3); // time for the server to notice
  }

  private Cost measureLocal(String kind) {
    try (ChildProcesses children = new ChildProcesses()) {
      List<String> command = new ArrayList<>(List.of("taskset", "-c", options.serverCore()));
      command.addAll(JavaCommandLine.ofThisProgram(List.of(localJvmFlags.split(" ", -1))));
      command.addAll(List.of("local-sweep", kind, "--connections=" + localConnections));
      command.addAll(List.of("--idle-seconds=" + idleSeconds, "--seconds=" + seconds));
      String[] figures = children.run(command, LIMIT).strip().split(" ", -1);
      Cost cost = new Cost(Double.parseDouble(figures[0]), Double.parseDouble(figures[1]));
      System.err.println("local " + kind + ": " + cost);
      return cost;
    }
  }

  private static void pause(long seconds) {
    try {
      TimeUnit.SECONDS.sleep(seconds);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BenchmarkException("interrupted while measuring");
    }
  }
}
