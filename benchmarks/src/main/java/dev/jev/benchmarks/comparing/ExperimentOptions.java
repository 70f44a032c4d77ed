package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.Machine;
import dev.jev.benchmarks.shared.Results;
import io.netty.util.Version;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The options of all comparisons: where processes run and where results are written. */
final class ExperimentOptions {

  @Spec(Spec.Target.MIXEE)
  private @Nullable CommandSpec spec;

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

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "file of results to write, or to add this experiment to")
  private @Nullable Path json;

  @Option(
      names = "--command",
      description = "command line to name in that file (default: that of this process)")
  private @Nullable String command;

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

  /**
   * Refuses a file of results to which this experiment cannot be added. Call it at the start.
   *
   * @param labels of the servers
   */
  void checkJson(List<String> labels) {
    if (json != null && Files.exists(json)) {
      Results results = Results.read(json);
      if (!results.command().equals(command())) {
        throw new BenchmarkException(
            json + ": results of " + results.command() + " (expected: those of " + command() + ")");
      }
      String base = results.relativeTo();
      if (base != null && !labels.contains(base)) {
        throw new BenchmarkException(
            json + ": ratios to " + base + " (expected: to one of " + labels + ")");
      }
    }
  }

  /**
   * Writes an experiment to the file of results, if there is one.
   *
   * @param title the quantity of which the row has ratios
   */
  void writeJson(String title, Results.Row row) {
    if (json == null) {
      return;
    }
    Results results =
        Files.exists(json) ? Results.read(json).withVersions(versions(row)) : first(title, row);
    results.with(row).write(json);
  }

  private Results first(String title, Results.Row row) {
    String base = row.servers().size() > 1 ? row.servers().get(1).label() : null;
    return new Results(
        base == null ? title : title + ", relative to " + base,
        LocalDate.now(ZoneOffset.UTC).toString(),
        Machine.describe(),
        command(),
        versions(row),
        /* source= */ null,
        /* note= */ null,
        base,
        /* figure= */ null,
        List.of());
  }

  /**
   * Returns the labels of servers in pictures. The letter of the table distinguishes a server from
   * another one with the same label.
   */
  static List<String> labels(List<String> names) {
    List<String> labels = new ArrayList<>();
    for (int i = names.size() - 1; i >= 0; i--) {
      String label = label(names.get(i));
      labels.add(0, labels.contains(label) ? label + ", " + (char) ('A' + i) : label);
    }
    return labels;
  }

  private static String label(String name) {
    String transport = name.contains("--transport io_uring") ? " on io_uring" : "";
    if (name.startsWith("jev")) {
      return "Jev" + transport;
    }
    return name.startsWith("netty:") ? "Netty" + transport : name;
  }

  private String command() {
    return command != null ? command : "benchmarks.jar " + String.join(" ", arguments());
  }

  private List<String> arguments() {
    return spec == null ? List.of() : spec.root().commandLine().getParseResult().originalArgs();
  }

  private static Map<String, String> versions(Results.Row row) {
    Map<String, String> versions = new TreeMap<>(Map.of("Netty", nettyVersion()));
    if (row.servers().stream().anyMatch(server -> server.name().equals("redis-server"))) {
      versions.put("Redis", redisVersion());
    }
    return versions;
  }

  private static String redisVersion() {
    try {
      Process process = new ProcessBuilder("redis-server", "--version").start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return output.replaceFirst("(?s).*v=(\\S+).*", "$1");
    } catch (IOException e) {
      throw new BenchmarkException("redis-server: " + e + " (expected: its version)");
    }
  }

  private static String nettyVersion() {
    return Version.identify().values().stream()
        .map(Version::artifactVersion)
        .findFirst()
        .orElse("unknown");
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
