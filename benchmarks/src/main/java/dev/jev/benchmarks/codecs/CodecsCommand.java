package dev.jev.benchmarks.codecs;

import static java.util.Objects.requireNonNull;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Runs {@link CodecBenchmark} for all codecs and prints a table, a row as soon as it is measured.
 */
@Command(
    name = "codecs",
    description = "Measures codecs alone, against Netty's for the same frames.")
public final class CodecsCommand implements Callable<Integer> {

  /** Maximum ratio of Jev's time to Netty's. */
  private static final double BAR = 0.5;

  /**
   * Maximum allocation per message that counts as none, in bytes: an average is never exactly 0.
   */
  private static final double MAX_ALLOCATED_BYTES = 0.5;

  private static final double MEDIAN = 50;

  @Option(names = "--codecs", split = ",", description = "the codecs to measure (default: all)")
  private List<Codec> codecs = List.of(Codec.values());

  @Option(names = "--work", description = "unpack or pack (default: both)")
  private String work = "(un)?pack";

  @Option(
      names = "--batch",
      description = "messages per read or flush: 1, 2, 4, 8 or 16 (default: 16)")
  private int batch = CodecBenchmark.MESSAGES;

  @Option(names = "--warmups", description = "warm-up periods (default: 5)")
  private int warmups = 5;

  @Option(
      names = "--periods",
      description = "measured periods, whose median is printed (default: 9)")
  private int periods = 9;

  @Option(
      names = "--millis",
      description = "length of a measured period; a warm-up takes twice that (default: 100)")
  private int millis = 100;

  /** A measurement on both sides. */
  private record Row(String work, String bytes) {}

  /** The cost of a message. */
  private record Cost(double nanos, double allocatedBytes) {}

  @Override
  public Integer call() throws RunnerException {
    System.out.println(
        "| codec | work | bytes | ns, Jev / Netty | ratio | bytes allocated, Jev / Netty | bar |");
    System.out.println("|---|---|---|---|---|---|---|");
    for (Codec codec : codecs) {
      measure(codec).forEach((row, costs) -> System.out.println(line(codec, row, costs)));
    }
    return 0;
  }

  private Map<Row, Map<String, Cost>> measure(Codec codec) throws RunnerException {
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include(CodecBenchmark.class.getName() + "\\." + work + "$")
            .param("codec", codec.name())
            .param("batch", String.valueOf(batch))
            .addProfiler(GCProfiler.class)
            .warmupIterations(warmups)
            .warmupTime(TimeValue.milliseconds(2L * millis))
            .measurementIterations(periods)
            .measurementTime(TimeValue.milliseconds(millis))
            .shouldFailOnError(true)
            .verbosity(VerboseMode.SILENT);
    if (!codec.hasCounterpart()) {
      options.param("side", CodecBenchmark.Side.JEV.name());
    }
    Map<Row, Map<String, Cost>> costs = new LinkedHashMap<>();
    for (RunResult result : new Runner(options.build()).run()) {
      BenchmarkParams benchmark = result.getParams();
      String method = benchmark.getBenchmark();
      Row row = new Row(method.substring(method.lastIndexOf('.') + 1), benchmark.getParam("bytes"));
      Cost cost =
          new Cost(
              result.getPrimaryResult().getStatistics().getPercentile(MEDIAN),
              requireNonNull(result.getSecondaryResults().get("gc.alloc.rate.norm")).getScore());
      costs.computeIfAbsent(row, any -> new HashMap<>()).put(benchmark.getParam("side"), cost);
    }
    return costs;
  }

  private static String line(Codec codec, Row row, Map<String, Cost> costs) {
    Cost jev = requireNonNull(costs.get(CodecBenchmark.Side.JEV.name()));
    Cost netty = costs.get(CodecBenchmark.Side.NETTY.name());
    String left = "| %s | %s | %s |".formatted(codec.label(), row.work(), row.bytes());
    if (netty == null) {
      return String.format(
          Locale.ROOT, "%s %.1f / - | - | %.0f / - | - |", left, jev.nanos, jev.allocatedBytes);
    }
    double ratio = jev.nanos / netty.nanos;
    return String.format(
        Locale.ROOT,
        "%s %.1f / %.1f | %.2f | %.0f / %.0f | %s |",
        left,
        jev.nanos,
        netty.nanos,
        ratio,
        jev.allocatedBytes,
        netty.allocatedBytes,
        row.work().equals("unpack") ? barCell(codec, ratio, jev) : "-");
  }

  private static String barCell(Codec codec, double ratio, Cost jev) {
    boolean isLean = !codec.hasBuffers() || jev.allocatedBytes < MAX_ALLOCATED_BYTES;
    return ratio <= BAR && isLean ? "met" : "**not met**";
  }
}
