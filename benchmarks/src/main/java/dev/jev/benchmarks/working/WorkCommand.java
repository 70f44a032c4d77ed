package dev.jev.benchmarks.working;

import dev.jev.CloseReason;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Measures the work per byte of input that makes no output, against that of ordinary input. */
@Command(
    name = "work",
    description = "Measures the work of input without output, against ordinary input.")
public final class WorkCommand implements Callable<Integer> {

  /** Maximum ratio of the work per byte. */
  private static final double BAR = 4;

  @Parameters(arity = "0..*", paramLabel = "NAME", description = "rows (default: all)")
  private List<String> names = List.of();

  @Option(names = "--rounds", description = "measured rounds (default: ${DEFAULT-VALUE})")
  private int rounds = 15;

  @Option(names = "--warm-up", description = "unmeasured rounds (default: ${DEFAULT-VALUE})")
  private int warmUpRounds = 15;

  @Override
  public Integer call() throws IOException {
    System.out.println(
        "| protocol | input without output | unit | ns | ordinary | ratio | end | |");
    System.out.println("|---|---|---|---|---|---|---|---|");
    boolean met = true;
    for (WorkRow row : WorkRows.all()) {
      if (names.isEmpty() || names.contains(row.name())) {
        met &= measure(row);
      }
    }
    return met ? 0 : 1;
  }

  /** Prints a line; returns whether the bar is met. */
  private boolean measure(WorkRow row) throws IOException {
    double[] empty = new double[rounds];
    double[] ordinary = new double[rounds];
    CloseReason.Kind end = CloseReason.Kind.PEER_CLOSED;
    try (WorkMeter meter = new WorkMeter(row.server().get())) {
      for (int i = -warmUpRounds; i < rounds; i++) {
        double one = meter.nanos(row.opening(), row.ordinary());
        double other = meter.nanos(row.opening(), row.empty());
        end = meter.end();
        if (i >= 0) {
          ordinary[i] = one;
          empty[i] = other;
        }
      }
    }
    double ratio = median(empty) / median(ordinary);
    System.out.printf(
        Locale.ROOT,
        "| %s | %s | %s | %.1f | %.1f | %.1f | %s | %s |%n",
        row.name(),
        row.empty().name,
        row.empty().unitBytes == row.ordinary().unitBytes ? "byte" : "message",
        median(empty),
        median(ordinary),
        ratio,
        end == CloseReason.Kind.PEER_CLOSED ? "-" : end,
        ratio <= BAR ? "met" : "**not met**");
    return ratio <= BAR;
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
