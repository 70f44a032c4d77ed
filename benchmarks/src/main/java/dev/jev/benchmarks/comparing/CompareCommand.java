package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.Results;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.ToDoubleFunction;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * Measures servers in alternating rounds and prints the ratio of the first server to each other
 * one.
 *
 * <p>All servers run during the whole experiment, so that code compiled in the first, unmeasured
 * round stays compiled. While one server is under load, the others wait in their selectors and use
 * no CPU time. The rounds alternate, A B A B, so that a lasting disturbance affects all servers. A
 * ratio is computed per round; the result is the median of the ratios.
 */
@Command(
    name = "compare",
    description = "Compares the CPU time per message of servers in alternating rounds.")
public final class CompareCommand implements Callable<Integer> {

  @Mixin private ExperimentOptions options = new ExperimentOptions();

  @Parameters(
      arity = "1..*",
      paramLabel = "SERVER",
      description =
          "jev:NAME, netty:NAME, netty-void-promise:NAME, redis-server or exec:COMMAND;"
              + " the first is the subject")
  private List<String> names = List.of();

  @Option(
      names = "--work",
      description =
          "echo (default), length-prefixed, ws-text, ws-binary, ws-deflate, subscribe, http (wrk)"
              + " or redis:TEST (redis-benchmark)")
  private String work = "echo";

  @Option(names = "--size", description = "payload bytes, unused for redis and http (default: 64)")
  private int size = 64;

  @Option(names = "--connections", description = "default: 50")
  private int connections = 50;

  @Option(names = "--depth", description = "messages in flight per connection (default: 1)")
  private int depth = 1;

  @Option(names = "--rounds", description = "measured rounds (default: 5)")
  private int rounds = 5;

  @Option(
      names = "--first-seconds",
      description = "first, unmeasured round per server (default: 20)")
  private double firstSeconds = 20;

  @Option(names = "--warmup-seconds", description = "warm-up at the start of a round (default: 3)")
  private double warmupSeconds = 3;

  @Option(names = "--seconds", description = "measured part of a round (default: 10)")
  private double seconds = 10;

  @Option(names = "--jvm", description = "flags of the JVM servers (default: ${DEFAULT-VALUE})")
  private String jvmFlags = "-Xms512m -Xmx512m -XX:+UseSerialGC";

  @Override
  public Integer call() {
    options.checkJson(ExperimentOptions.labels(names));
    String title =
        options.titleOr(
            work.startsWith("redis:") || work.equals("http")
                ? work + ", pipeline " + depth
                : work + ", " + size + " B, depth " + depth);
    System.out.printf(
        Locale.ROOT,
        "%s: %d connections, %d rounds of %.0f s, servers' JVM: %s%n",
        title,
        connections,
        rounds,
        seconds,
        jvmFlags);
    List<List<Sample>> samples = measure();
    for (int i = 0; i < names.size(); i++) {
      printServer(names.get(i), samples.get(i));
    }
    for (int i = 1; i < names.size(); i++) {
      reportRatio(title, i, samples);
    }
    System.out.printf(
        Locale.ROOT,
        "  other processes used %s of the machine (expected: < 0.05; more is noise)%n%n",
        others(samples.stream().flatMap(List::stream).toList()).format(2));
    options.writeJson("CPU time per message", row(title, samples));
    return 0;
  }

  /** Returns the samples of each server, one per round. */
  private List<List<Sample>> measure() {
    List<List<Sample>> samples = new ArrayList<>();
    try (ChildProcesses children = new ChildProcesses()) {
      Load load = load(children);
      List<ServerProcess> servers = new ArrayList<>();
      for (String name : names) {
        List<String> flags = List.of(jvmFlags.split(" ", -1));
        servers.add(ServerProcess.start(name, options, flags, children));
        samples.add(new ArrayList<>());
      }
      for (ServerProcess server : servers) {
        load.prepare(server);
        load.run(server, firstSeconds, 1);
      }
      for (int round = 1; round <= rounds; round++) {
        for (int i = 0; i < servers.size(); i++) {
          Sample sample = load.run(servers.get(i), warmupSeconds, seconds);
          samples.get(i).add(sample);
          System.err.printf(
              Locale.ROOT, "round %d, %s: %s%n", round, servers.get(i).label(), sample.toJson());
        }
      }
    }
    return samples;
  }

  private Load load(ChildProcesses children) {
    if (work.equals("http")) {
      return new HttpLoad(connections, depth, options, children);
    }
    if (work.equals("subscribe")) {
      return new SubscriberLoad(size, connections, /* stopped= */ 0, options, children);
    }
    return work.startsWith("redis:")
        ? new RedisLoad(work.substring("redis:".length()), connections, depth, options, children)
        : new MessageLoad(LoadProtocol.of(work), size, connections, depth, options, children);
  }

  private static void printServer(String name, List<Sample> samples) {
    System.out.printf(
        "  %-22s %s us of CPU/message, %s messages/s, p50 %s us, p99 %s us, core %s busy%n",
        name,
        SummaryStatistics.of(samples, Sample::serverMicrosPerMessage).format(3),
        SummaryStatistics.of(samples, Sample::messagesPerSecond).format(0),
        SummaryStatistics.of(samples, Sample::p50Micros).format(0),
        SummaryStatistics.of(samples, Sample::p99Micros).format(0),
        SummaryStatistics.of(samples, sample -> sample.used().server() / sample.seconds())
            .format(2));
  }

  private void reportRatio(String title, int index, List<List<Sample>> samples) {
    List<Sample> subject = samples.get(0);
    List<Sample> other = samples.get(index);
    SummaryStatistics ratio = ratio(subject, other);
    RatioCheck check = new RatioCheck(ratio, options.bar(index));
    System.out.printf(
        "  CPU per message, %s : %s = %s%s%n",
        names.get(0), names.get(index), ratio.format(3), check.sentence());
    options.appendMarkdown(
        "| %s | %s | %s | %s | %s | %s | %s | %s | %.0f %% |"
            .formatted(
                title,
                names.get(index),
                check.cell(),
                ratio.format(3),
                medians(subject, other, Sample::serverMicrosPerMessage, 2),
                medians(subject, other, Sample::messagesPerSecond, 0),
                medians(subject, other, Sample::p50Micros, 0),
                medians(subject, other, Sample::p99Micros, 0),
                100 * Math.max(others(subject).max(), others(other).max())));
  }

  private Results.Row row(String title, List<List<Sample>> samples) {
    List<String> labels = ExperimentOptions.labels(names);
    List<Results.Measured> servers = new ArrayList<>();
    List<Results.Ratio> ratios = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      List<Map<String, Double>> figures = samples.get(i).stream().map(Sample::figures).toList();
      servers.add(SummaryStatistics.medians(names.get(i), labels.get(i), figures));
      if (i > 0) {
        ratios.add(
            ratio(samples.get(0), samples.get(i))
                .toRatio(labels.get(0), labels.get(i), options.bar(i)));
      }
    }
    double others = others(samples.stream().flatMap(List::stream).toList()).max();
    return new Results.Row(title, servers, ratios, SummaryStatistics.rounded(others));
  }

  private static SummaryStatistics ratio(List<Sample> subject, List<Sample> other) {
    return SummaryStatistics.ofRatios(
        subject.stream().mapToDouble(Sample::serverMicrosPerMessage).toArray(),
        other.stream().mapToDouble(Sample::serverMicrosPerMessage).toArray());
  }

  private static String medians(
      List<Sample> subject, List<Sample> other, ToDoubleFunction<Sample> quantity, int decimals) {
    return String.format(
        Locale.ROOT,
        "%,." + decimals + "f / %,." + decimals + "f",
        SummaryStatistics.of(subject, quantity).median(),
        SummaryStatistics.of(other, quantity).median());
  }

  /** Returns the share of the machine that was used neither by the server nor by its load. */
  private static SummaryStatistics others(List<Sample> samples) {
    int cores = Runtime.getRuntime().availableProcessors();
    return SummaryStatistics.of(
        samples, sample -> sample.used().others() / sample.seconds() / cores);
  }
}
