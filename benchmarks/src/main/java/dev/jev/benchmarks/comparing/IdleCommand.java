package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.JavaCommandLine;
import dev.jev.benchmarks.shared.Polling;
import dev.jev.benchmarks.shared.ProcFs;
import dev.jev.benchmarks.shared.Results;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.ToDoubleFunction;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * Measures the memory of an idle connection in a server process, relative to the empty server.
 *
 * <p>Each reading is taken in a fresh process. The empty server is read after it has served and
 * closed some connections: classes, compiled code and first buffers belong to the server, not to
 * its connections. For the same reason the optimizing compiler is off: its working memory, up to 30
 * MiB at an unpredictable time, would hide the connections. Kernel memory is not counted: it
 * belongs to no process and is the same for both servers.
 */
@Command(name = "idle", description = "Measures the process memory of an idle connection.")
public final class IdleCommand implements Callable<Integer> {

  private static final Duration OPEN_LIMIT = Duration.ofMinutes(2);

  @Mixin private ExperimentOptions options = new ExperimentOptions();

  @Parameters(arity = "1..*", paramLabel = "SERVER", description = "as for compare")
  private List<String> names = List.of();

  @Option(names = "--work", description = "as --protocol of load (default: echo)")
  private String work = "echo";

  @Option(names = "--tls", description = "the connections use TLS; the servers have to")
  private boolean tls;

  @Option(names = "--connections", description = "default: 15000")
  private int connections = 15_000;

  @Option(
      names = "--messages",
      description = "messages echoed first on each connection (default: 0)")
  private int messages;

  @Option(
      names = "--first",
      description = "connections served before the empty reading (default: 2000)")
  private int first = 2_000;

  @Option(names = "--rounds", description = "fresh processes per server (default: 5)")
  private int rounds = 5;

  @Option(names = "--jvm", description = "flags of the servers (default: ${DEFAULT-VALUE})")
  private String jvmFlags = "-Xms256m -Xmx256m -Xmn16m -XX:+UseSerialGC -XX:TieredStopAtLevel=1";

  @Override
  public Integer call() {
    options.checkJson(ExperimentOptions.labels(names));
    String title =
        options.titleOr(
            "%,d idle connections, %d messages before".formatted(connections, messages));
    System.out.printf("%s: %d fresh processes each, JVM: %s%n", title, rounds, jvmFlags);
    List<List<MemoryUsage>> memories = new ArrayList<>();
    names.forEach(name -> memories.add(new ArrayList<>()));
    for (int round = 1; round <= rounds; round++) {
      for (int i = 0; i < names.size(); i++) {
        MemoryUsage each = measure(names.get(i));
        memories.get(i).add(each);
        System.err.printf("round %d, %s: %s%n", round, names.get(i), each.toJson());
      }
    }
    for (int i = 0; i < names.size(); i++) {
      printServer(names.get(i), memories.get(i));
    }
    for (int i = 1; i < names.size(); i++) {
      reportRatio(title, i, memories);
    }
    options.writeJson("Resident memory per connection", row(title, memories));
    System.out.println();
    return 0;
  }

  private MemoryUsage measure(String name) {
    try (ChildProcesses children = new ChildProcesses()) {
      List<String> flags = List.of(jvmFlags.split(" ", -1));
      ServerProcess server = ServerProcess.start(name, options, flags, children);
      long filesOfEmpty = ProcFs.openFiles(server.pid());
      release(hold(server, first, filesOfEmpty, children), children);
      awaitFiles(server, filesOfEmpty);
      MemoryUsage empty = MemoryUsage.read(server.pid(), options, children);
      filesOfEmpty = ProcFs.openFiles(server.pid());
      Process holder = hold(server, connections, filesOfEmpty, children);
      MemoryUsage full = MemoryUsage.read(server.pid(), options, children);
      awaitFiles(server, filesOfEmpty + connections);
      release(holder, children);
      return full.perConnectionSince(empty, connections);
    }
  }

  private Process hold(ServerProcess server, int count, long filesBefore, ChildProcesses children) {
    List<String> command = new ArrayList<>(options.onLoadCore());
    command.addAll(JavaCommandLine.ofThisProgram(List.of("-XX:+UseSerialGC", "-Xmx4g")));
    command.add("hold");
    command.add("--port=" + server.port());
    command.add("--connections=" + count);
    command.add("--protocol=" + work);
    command.add("--messages=" + messages);
    if (tls) {
      command.add("--tls");
    }
    Process holder = children.start(command);
    String line = ChildProcesses.firstLine(holder, "hold", OPEN_LIMIT);
    if (!line.equals("open " + count)) {
      throw new BenchmarkException("hold: " + line + " (expected: open " + count + ")");
    }
    awaitFiles(server, filesBefore + count);
    return holder;
  }

  private static void release(Process holder, ChildProcesses children) {
    try {
      holder.getOutputStream().close();
    } catch (IOException alreadyEnded) {
      throw new BenchmarkException("hold: ended early (expected: open connections)");
    }
    children.stop(holder);
  }

  /** Waits until the server has this number of open files, of which each connection is one. */
  private static void awaitFiles(ServerProcess server, long files) {
    long deadline = System.nanoTime() + OPEN_LIMIT.toNanos();
    while (ProcFs.openFiles(server.pid()) != files) {
      if (System.nanoTime() > deadline) {
        throw new BenchmarkException(
            "%s: %d open files (expected: %d)"
                .formatted(server.label(), ProcFs.openFiles(server.pid()), files));
      }
      Polling.pause();
    }
  }

  private static void printServer(String name, List<MemoryUsage> memories) {
    System.out.printf(
        "  %-22s %s bytes each = live heap %s + outside the heap %s; resident set after GC %s%n",
        name,
        SummaryStatistics.of(memories, MemoryUsage::process).format(0),
        SummaryStatistics.of(memories, MemoryUsage::heap).format(0),
        SummaryStatistics.of(memories, MemoryUsage::outside).format(0),
        SummaryStatistics.of(memories, MemoryUsage::rss).format(0));
  }

  private void reportRatio(String title, int index, List<List<MemoryUsage>> memories) {
    List<MemoryUsage> subject = memories.get(0);
    List<MemoryUsage> other = memories.get(index);
    SummaryStatistics ratio = ratio(subject, other, MemoryUsage::rss);
    RatioCheck check = new RatioCheck(ratio, options.bar(index));
    System.out.printf(
        "  resident memory each, %s : %s = %s%s; by live heap and memory outside it %s%n",
        names.get(0),
        names.get(index),
        ratio.format(3),
        check.sentence(),
        ratio(subject, other, MemoryUsage::process).format(3));
    options.appendMarkdown(
        "| %s | %s | %s | %s | %s | %s | %s | %s |"
            .formatted(
                title,
                names.get(index),
                check.cell(),
                ratio.format(3),
                medians(subject, other, MemoryUsage::rss),
                ratio(subject, other, MemoryUsage::process).format(3),
                medians(subject, other, MemoryUsage::heap),
                medians(subject, other, MemoryUsage::outside)));
  }

  private Results.Row row(String title, List<List<MemoryUsage>> memories) {
    List<String> labels = ExperimentOptions.labels(names);
    List<Results.Measured> servers = new ArrayList<>();
    List<Results.Ratio> ratios = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      servers.add(
          SummaryStatistics.medians(
              names.get(i),
              labels.get(i),
              memories.get(i).stream().map(MemoryUsage::figures).toList()));
      if (i > 0) {
        ratios.add(
            ratio(memories.get(0), memories.get(i), MemoryUsage::rss)
                .toRatio(labels.get(0), labels.get(i), options.bar(i)));
      }
    }
    return new Results.Row(title, servers, ratios, /* otherLoad= */ null);
  }

  private static SummaryStatistics ratio(
      List<MemoryUsage> subject, List<MemoryUsage> other, ToDoubleFunction<MemoryUsage> quantity) {
    return SummaryStatistics.ofRatios(
        subject.stream().mapToDouble(quantity).toArray(),
        other.stream().mapToDouble(quantity).toArray());
  }

  private static String medians(
      List<MemoryUsage> subject, List<MemoryUsage> other, ToDoubleFunction<MemoryUsage> quantity) {
    return String.format(
        Locale.ROOT,
        "%,.0f / %,.0f",
        SummaryStatistics.of(subject, quantity).median(),
        SummaryStatistics.of(other, quantity).median());
  }
}
