package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.Results;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * Measures how one subscriber that has stopped reading affects the others.
 *
 * <p>Rounds with and without it alternate, on one server. Its unread messages fill its receive
 * buffer, which is small, then the server's send buffer, and then wait in the server.
 */
@Command(name = "stopped", description = "Measures how a stopped subscriber affects the others.")
public final class StoppedCommand implements Callable<Integer> {

  @Mixin private ExperimentOptions options = new ExperimentOptions();

  @Parameters(paramLabel = "SERVER", description = "as for compare")
  private String name = "";

  @Option(names = "--connections", description = "subscribers that read (default: 10000)")
  private int connections = 10_000;

  @Option(names = "--size", description = "bytes of a published message (default: 64)")
  private int size = 64;

  @Option(names = "--rounds", description = "measured rounds (default: 5)")
  private int rounds = 5;

  @Option(names = "--warmup-seconds", description = "warm-up at the start of a round (default: 5)")
  private double warmupSeconds = 5;

  @Option(names = "--seconds", description = "measured part of a round (default: 10)")
  private double seconds = 10;

  @Option(names = "--jvm", description = "flags of the server (default: ${DEFAULT-VALUE})")
  private String jvmFlags = "-Xms512m -Xmx512m -XX:+UseSerialGC";

  @Override
  public Integer call() {
    options.checkJson(List.of("with it", "without it"));
    List<Sample> with = new ArrayList<>();
    List<Sample> without = new ArrayList<>();
    try (ChildProcesses children = new ChildProcesses()) {
      List<String> flags = List.of(jvmFlags.split(" ", -1));
      ServerProcess server = ServerProcess.start(name, options, flags, children);
      Load all = new SubscriberLoad(size, connections, /* stopped= */ 0, options, children);
      Load oneStopped = new SubscriberLoad(size, connections, /* stopped= */ 1, options, children);
      all.run(server, warmupSeconds, seconds); // compiles its code
      for (int round = 1; round <= rounds; round++) {
        with.add(oneStopped.run(server, warmupSeconds, seconds));
        without.add(all.run(server, warmupSeconds, seconds));
        System.err.printf("round %d: %s%n", round, with.get(round - 1).toJson());
        System.err.printf("round %d: %s%n", round, without.get(round - 1).toJson());
      }
    }
    SummaryStatistics p99 = SummaryStatistics.of(with, Sample::p99Micros);
    SummaryStatistics p99Without = SummaryStatistics.of(without, Sample::p99Micros);
    SummaryStatistics ratio =
        SummaryStatistics.ofRatios(
            with.stream().mapToDouble(Sample::p99Micros).toArray(),
            without.stream().mapToDouble(Sample::p99Micros).toArray());
    RatioCheck check = new RatioCheck(ratio, options.bar(1));
    String row =
        String.format(
            Locale.ROOT,
            "| %s | %s | %s | %s | %,.0f / %,.0f |",
            options.titleOr("one stopped among %,d".formatted(connections)),
            name,
            check.cell(),
            ratio.format(3),
            p99.median(),
            p99Without.median());
    System.out.println(row);
    options.appendMarkdown(row);
    options.writeJson(
        "p99 with a stopped subscriber",
        new Results.Row(
            options.titleOr("one stopped among %,d".formatted(connections)) + ", " + name,
            List.of(measured("with it", with), measured("without it", without)),
            List.of(ratio.toRatio("with it", "without it", options.bar(1))),
            /* otherLoad= */ null));
    return 0;
  }

  private Results.Measured measured(String label, List<Sample> samples) {
    return SummaryStatistics.medians(name, label, samples.stream().map(Sample::figures).toList());
  }
}
