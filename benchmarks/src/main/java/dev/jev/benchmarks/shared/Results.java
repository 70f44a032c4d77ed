package dev.jev.benchmarks.shared;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.exc.MismatchedInputException;
import tools.jackson.databind.exc.UnrecognizedPropertyException;
import tools.jackson.databind.json.JsonMapper;

/**
 * The results of one command on one machine, as JSON.
 *
 * @param title the quantity that the rows compare
 * @param date the day of the measurement, for example 2026-11-21
 * @param machine cores, operating system and JVM
 * @param command the command line that measured
 * @param versions the versions of the servers that were compared, by name
 * @param source the document from which the figures were taken, if the command did not write them
 * @param note what a reader has to know beside the figures
 * @param relativeTo the label of the server that counts as 1 in a picture of ratios
 * @param figure the name of the figure, of each server, that a picture shows instead of ratios
 */
@JsonInclude(JsonInclude.Include.NON_EMPTY)
@JsonPropertyOrder({"title", "date", "machine", "command", "versions", "source", "note"})
public record Results(
    String title,
    String date,
    String machine,
    String command,
    @Nullable Map<String, String> versions,
    @Nullable String source,
    @Nullable String note,
    @Nullable String relativeTo,
    @Nullable String figure,
    List<Row> rows) {

  /**
   * One experiment.
   *
   * @param work the experiment, as in the tables
   * @param ratios of the quantity named by the title
   * @param otherLoad the part of the machine that other processes used
   */
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  public record Row(
      String work,
      List<Measured> servers,
      @Nullable List<Ratio> ratios,
      @Nullable Double otherLoad) {

    /**
     * Returns the quantity of each server relative to that with a label, as far as it follows from
     * the ratios.
     */
    public Map<String, Double> relativeTo(String label) {
      Map<String, Double> known = new HashMap<>(Map.of(label, 1.0));
      List<Ratio> all = ratios == null ? List.of() : ratios;
      for (int i = 0; i < all.size(); i++) { // each time, one more may follow
        for (Ratio ratio : all) {
          Double dividend = known.get(ratio.of);
          Double divisor = known.get(ratio.to);
          if (divisor != null) {
            known.putIfAbsent(ratio.of, divisor * ratio.value());
          } else if (dividend != null) {
            known.put(ratio.to, dividend / ratio.value());
          }
        }
      }
      return known;
    }
  }

  /**
   * The measurements of one server.
   *
   * @param name the server, as on the command line
   * @param label the server, in pictures
   * @param figures medians, by quantity and unit, for example {@code cpuMicrosPerMessage}
   * @param rounds the figures of each round
   */
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  public record Measured(
      String name,
      String label,
      @Nullable Map<String, Double> figures,
      @Nullable List<Map<String, Double>> rounds) {

    /** Returns a figure, or null if it was not measured. */
    public @Nullable Double figure(String quantity) {
      return figures == null ? null : figures.get(quantity);
    }
  }

  /**
   * The ratio of two servers, the median of the rounds.
   *
   * @param of the label of the server whose quantity is the dividend
   * @param to the label of the other one
   * @param bar the maximum that the ratio should not exceed
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Ratio(
      String of,
      String to,
      @Nullable Double median,
      @Nullable Double min,
      @Nullable Double max,
      @Nullable Double bar) {

    /** Returns the median, or the maximum of a ratio of which only the range is known. */
    double value() {
      return median != null ? median : max != null ? max : Double.NaN;
    }
  }

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
          .build();

  /** Returns the results of a file. */
  public static Results read(Path file) {
    try {
      String json = Files.readString(file);
      Results results = parse(file, json);
      new Check(file).results(results);
      return results;
    } catch (IOException e) {
      throw new BenchmarkException(file + ": " + e + " (expected: a file of results)");
    }
  }

  private static Results parse(Path file, String json) {
    JsonNode tree;
    try {
      tree = JSON.readTree(json);
    } catch (JacksonException e) {
      int line = e.getLocation().getLineNr();
      throw new BenchmarkException(
          file + ": line " + line + ": " + e.getOriginalMessage() + " (expected: JSON)");
    }
    if (!tree.isObject()) {
      throw new BenchmarkException(file + ": " + tree.getNodeType() + " (expected: an object)");
    }
    try {
      return JSON.treeToValue(tree, Results.class);
    } catch (JacksonException e) {
      throw new BenchmarkException(file + ": " + explain(tree, e));
    }
  }

  /** Writes these results to a file. */
  public void write(Path file) {
    DefaultIndenter lines = new DefaultIndenter("  ", "\n");
    DefaultPrettyPrinter pretty =
        new DefaultPrettyPrinter().withArrayIndenter(lines).withObjectIndenter(lines);
    try {
      Files.writeString(file, JSON.writer().with(pretty).writeValueAsString(this) + "\n");
    } catch (IOException e) {
      throw new BenchmarkException(file + ": " + e + " (expected: a file to write to)");
    }
  }

  /** Returns these results and one row more. */
  public Results with(Row row) {
    List<Row> more = new ArrayList<>(rows);
    more.add(row);
    return new Results(
        title, date, machine, command, versions, source, note, relativeTo, figure, more);
  }

  /** Returns these results and versions of further servers. */
  public Results withVersions(Map<String, String> further) {
    Map<String, String> all = new TreeMap<>(further);
    if (versions != null) {
      all.putAll(versions);
    }
    return new Results(title, date, machine, command, all, source, note, relativeTo, figure, rows);
  }

  private static String explain(JsonNode tree, JacksonException e) {
    StringBuilder path = new StringBuilder();
    JsonNode value = tree;
    for (JacksonException.Reference step : e.getPath()) {
      String name = step.getPropertyName();
      path.append(name == null ? "[" + step.getIndex() + "]" : "." + name);
      value = name == null ? value.path(step.getIndex()) : value.path(name);
    }
    String where = path.isEmpty() ? "" : path.substring(1) + ": ";
    if (e instanceof UnrecognizedPropertyException unknown) {
      return where + "unknown (expected: one of " + unknown.getKnownPropertyIds() + ")";
    }
    String found = value.isMissingNode() ? "nothing" : value.toString();
    String type = e instanceof MismatchedInputException wrong ? type(wrong) : "another value";
    return where + found + " (expected: " + type + ")";
  }

  private static String type(MismatchedInputException e) {
    Class<?> type = e.getTargetType();
    if (type == null) {
      return "another type";
    }
    if (Number.class.isAssignableFrom(type)) {
      return "a number";
    }
    if (List.class.isAssignableFrom(type)) {
      return "an array";
    }
    return type == String.class ? "a text" : "an object";
  }

  /** Refuses results that lack something, or that contradict themselves. */
  private record Check(Path file) {

    void results(Results results) {
      text("title", results.title);
      text("machine", results.machine);
      text("command", results.command);
      text("date", results.date);
      try {
        LocalDate.parse(results.date);
      } catch (DateTimeParseException e) {
        throw wrong("date", results.date, "a day such as 2026-11-21");
      }
      if (results.rows == null || results.rows.isEmpty()) {
        throw wrong("rows", results.rows, "at least one row");
      }
      for (int i = 0; i < results.rows.size(); i++) {
        row("rows[" + i + "]", results.rows.get(i), results);
      }
    }

    private void row(String path, @Nullable Row row, Results results) {
      if (row == null) {
        throw wrong(path, null, "an object");
      }
      text(path + ".work", row.work);
      if (row.servers == null || row.servers.isEmpty()) {
        throw wrong(path + ".servers", row.servers, "at least one server");
      }
      List<String> labels = new ArrayList<>();
      for (int i = 0; i < row.servers.size(); i++) {
        String each = path + ".servers[" + i + "]";
        Measured server = row.servers.get(i);
        if (server == null) {
          throw wrong(each, null, "an object");
        }
        text(each + ".name", server.name);
        text(each + ".label", server.label);
        if (labels.contains(server.label)) {
          throw wrong(each + ".label", server.label, "a label that no other server has");
        }
        labels.add(server.label);
        figures(each, server, results.figure);
      }
      List<Ratio> ratios = row.ratios == null ? List.of() : row.ratios;
      for (int i = 0; i < ratios.size(); i++) {
        ratio(path + ".ratios[" + i + "]", ratios.get(i), labels);
      }
      String base = results.relativeTo;
      if (base != null && !row.relativeTo(base).keySet().equals(new HashSet<>(labels))) {
        throw wrong(path + ".ratios", ratios, "ratios of all of " + labels + " to " + base);
      }
    }

    private void figures(String path, Measured server, @Nullable String needed) {
      Map<String, Double> figures = server.figures == null ? Map.of() : server.figures;
      figures.forEach((quantity, value) -> number(path + ".figures." + quantity, value));
      if (needed != null && server.figure(needed) == null) {
        throw wrong(path + ".figures." + needed, null, "a number");
      }
    }

    private void ratio(String path, @Nullable Ratio ratio, List<String> labels) {
      if (ratio == null) {
        throw wrong(path, null, "an object");
      }
      if (!labels.contains(ratio.of)) {
        throw wrong(path + ".of", ratio.of, "one of " + labels);
      }
      if (!labels.contains(ratio.to) || ratio.to.equals(ratio.of)) {
        throw wrong(path + ".to", ratio.to, "another one of " + labels);
      }
      if (ratio.median == null && (ratio.min == null || ratio.max == null)) {
        throw wrong(path + ".median", null, "a number, unless min and max are given");
      }
      positive(path + ".median", ratio.median);
      positive(path + ".min", ratio.min);
      positive(path + ".max", ratio.max);
      positive(path + ".bar", ratio.bar);
    }

    private void positive(String path, @Nullable Double value) {
      if (value != null && !(value > 0 && Double.isFinite(value))) {
        throw wrong(path, value, "> 0");
      }
    }

    private void number(String path, @Nullable Double value) {
      if (value == null || !Double.isFinite(value)) {
        throw wrong(path, value, "a number");
      }
    }

    private void text(String path, @Nullable String text) {
      if (text == null || text.isBlank()) {
        throw wrong(path, text, "a text");
      }
    }

    private BenchmarkException wrong(String path, @Nullable Object value, String expected) {
      String actual = value == null ? "missing" : value.toString();
      return new BenchmarkException(
          "%s: %s: %s (expected: %s)".formatted(file, path, actual, expected));
    }
  }
}
