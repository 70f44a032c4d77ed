package dev.jev.benchmarks.torturing;

import dev.jev.Transport;
import dev.jev.benchmarks.shared.ChildProcesses;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * Exposes a server to faults and limits that it has to survive, and prints a table of the results.
 */
@Command(name = "torture", description = "Exposes a server to faults that it has to survive.")
public final class TortureCommand implements Callable<Integer> {

  /** Maximum duration of one row. */
  private static final long ROW_SECONDS = 180;

  @Parameters(arity = "0..*", paramLabel = "ROW", description = "numbers of rows (default: all)")
  private List<String> numbers = List.of();

  @Option(names = "--seed", description = "seed of the random choices (default: random; printed)")
  private long seed = System.nanoTime() & 0xffff;

  @Option(names = "--transport", description = "default: epoll")
  private Transport transport = Transport.EPOLL;

  @Option(names = "--markdown", description = "file to which the table is written")
  private @Nullable Path markdown;

  @Override
  public Integer call() throws IOException {
    System.setProperty("dev.jev.transport", transport.name());
    List<TortureRow> rows =
        Stream.of(
                PeerRows.ROWS,
                FaultRows.ROWS,
                StopRows.ROWS,
                NetworkRows.ROWS,
                WebSocketRows.ROWS,
                HttpRows.ROWS,
                LossRows.ROWS)
            .flatMap(List::stream)
            .toList();
    List<String> table = new ArrayList<>();
    table.add("| row | what | expected | seen | figures | |");
    table.add("|---|---|---|---|---|---|");
    int failed = 0;
    for (TortureRow row : rows) {
      if (numbers.isEmpty() || numbers.contains(row.number())) {
        System.err.printf("row %s: %s%n", row.number(), row.what());
        Outcome outcome = run(row);
        failed += outcome.passed() ? 0 : 1;
        table.add(line(row, outcome));
        System.err.println("  " + table.get(table.size() - 1));
      }
    }
    List<String> lines = new ArrayList<>();
    lines.add(
        "Seed %d, %s, transport %s, Java %s."
            .formatted(seed, LocalDate.now(ZoneOffset.UTC), transport, Runtime.version()));
    lines.add("");
    lines.addAll(table);
    lines.forEach(System.out::println);
    if (markdown != null) {
      Files.write(markdown, lines);
    }
    return failed == 0 ? 0 : 1;
  }

  private static String line(TortureRow row, Outcome outcome) {
    String result = outcome.passed() ? "pass" : "**fail**: " + outcome.failures();
    return Stream.of(
            row.number(), row.what(), row.expected(), outcome.seen(), outcome.figures(), result)
        .map(cell -> cell.replace("|", "/").replaceAll("\\R", " "))
        .reduce("|", (line, cell) -> line + " " + cell + " |");
  }

  private Outcome run(TortureRow row) {
    Outcome outcome = new Outcome();
    try (ChildProcesses children = new ChildProcesses()) {
      FutureTask<?> task =
          new FutureTask<>(
              () -> {
                row.action().run(children, new Random(seed), outcome);
                return null;
              });
      Thread thread = new Thread(task, "row " + row.number());
      thread.setDaemon(true);
      thread.start();
      task.get(ROW_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      outcome.require(false, "%s", String.valueOf(e.getCause()));
    } catch (TimeoutException e) {
      outcome.require(false, "not finished within %d s", ROW_SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      outcome.require(false, "interrupted");
    }
    return outcome;
  }
}
