package dev.jev.benchmarks.drawing;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.Results;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Draws results, as other commands write them, one panel per file. */
@Command(name = "draw", description = "Draws files of results as one picture.")
public final class DrawCommand implements Callable<Integer> {

  private static final int AFTER_LABEL = 18;

  @Parameters(arity = "1..*", paramLabel = "JSON", description = "files of results")
  private List<Path> files = List.of();

  @Option(names = "--title", description = "of the picture (default: ${DEFAULT-VALUE})")
  private String title = "Results";

  @Option(names = "--output", required = true, paramLabel = "SVG", description = "file to write")
  private Path output = Path.of("results.svg");

  @Override
  public Integer call() {
    try {
      Files.writeString(output, draw(title, files.stream().map(Results::read).toList()));
    } catch (IOException e) {
      throw new BenchmarkException(output + ": " + e + " (expected: a file to write to)");
    }
    return 0;
  }

  /** Returns a picture as SVG. */
  static String draw(String title, List<Results> all) {
    double labelWidth = 0;
    boolean bars = false;
    for (Results results : all) {
      bars |= results.relativeTo() != null;
      for (Results.Row row : results.rows()) {
        labelWidth = Math.max(labelWidth, Style.width(row.work(), Style.TEXT));
      }
    }
    double width = labelWidth + AFTER_LABEL;
    return Picture.svg(
        title,
        bars
            ? "Shorter bars are better."
            : "Further left is better; each step is ten times as long.",
        all.stream().map(results -> panel(results, width)).toList());
  }

  private static Panel panel(Results results, double labelWidth) {
    if (results.relativeTo() != null) {
      return Bars.panel(results, caption(results), labelWidth);
    }
    if (results.figure() != null) {
      return Dots.panel(results, caption(results), labelWidth);
    }
    throw new BenchmarkException(
        results.title() + ": neither relativeTo nor figure (expected: one of them, to draw it)");
  }

  private static String caption(Results results) {
    StringBuilder caption =
        new StringBuilder(results.date()).append(", ").append(results.machine());
    Map<String, String> versions =
        results.versions() == null ? Map.of() : new TreeMap<>(results.versions());
    versions.forEach(
        (name, version) -> caption.append(", ").append(name).append(' ').append(version));
    caption.append(": ").append(results.command());
    return results.note() == null ? caption.toString() : caption + ". " + results.note();
  }
}
