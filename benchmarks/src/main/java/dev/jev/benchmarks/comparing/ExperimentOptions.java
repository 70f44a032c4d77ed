package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of all comparisons: where processes run and where results are written. */
final class ExperimentOptions {

  @Option(names = "--samples", description = "default: samples/target/samples.jar")
  private String samplesJar = "samples/target/samples.jar";

  @Option(names = "--server-core", description = "default: 0")
  private String serverCore = "0";

  @Option(names = "--load-core", description = "default: 1")
  private String loadCore = "1";

  @Option(names = "--title", description = "name of the experiment in the tables")
  private @Nullable String title;

  @Option(names = "--bar", description = "maximum ratio; one per server after the first")
  private List<Double> bars = new ArrayList<>();

  @Option(names = "--output", description = "file to which a line of JSON is appended")
  private @Nullable Path output;

  @Option(names = "--markdown", description = "file to which table rows are appended")
  private @Nullable Path markdown;

  String samplesJar() {
    return samplesJar;
  }

  String serverCore() {
    return serverCore;
  }

  /** Returns the start of a command line that pins the command to the load's core. */
  List<String> onLoadCore() {
    return List.of("taskset", "-c", loadCore);
  }

  String titleOr(String otherwise) {
    return title == null ? otherwise : title;
  }

  /** Returns the bar of the server at {@code index}, counted from 0, or null if it has none. */
  @Nullable Double bar(int index) {
    return index >= 1 && index <= bars.size() ? bars.get(index - 1) : null;
  }

  void appendJson(String line) {
    append(output, line);
  }

  void appendMarkdown(String line) {
    append(markdown, line);
  }

  private static void append(@Nullable Path file, String line) {
    if (file == null) {
      return;
    }
    try {
      Files.writeString(file, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new BenchmarkException(file + ": " + e + " (expected: a file to append to)");
    }
  }
}
