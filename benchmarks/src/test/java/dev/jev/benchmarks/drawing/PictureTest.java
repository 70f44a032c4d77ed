package dev.jev.benchmarks.drawing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.Results;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

@Timeout(60)
class PictureTest {

  private static final String SMALL =
      """
      {"title": "Servers & clients", "date": "2026-11-21", "machine": "2 cores", "command": "run",
       "versions": {"Netty": "4.2"}, "relativeTo": "Netty", "rows": [
        {"work": "echo <64 B>", "servers": [
          {"name": "jev:echo", "label": "Jev", "figures": {"cpuMicrosPerMessage": 2.5}},
          {"name": "netty:echo", "label": "Netty", "figures": {"cpuMicrosPerMessage": 5}},
          {"name": "redis", "label": "redis-server"}],
         "ratios": [
          {"of": "Jev", "to": "Netty", "median": 0.5, "min": 0.4, "max": 0.6, "bar": 1},
          {"of": "Jev", "to": "redis-server", "median": 2.0}]}]}
      """;

  @TempDir private Path directory;

  @BeforeAll
  static void drawWithoutScreen() {
    System.setProperty("java.awt.headless", "true");
  }

  private Results results(String json) throws Exception {
    Path file = directory.resolve("results.json");
    Files.writeString(file, json);
    return Results.read(file);
  }

  private static Element parse(String svg) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)))
        .getDocumentElement();
  }

  private static List<Element> elements(Element root, String name) {
    NodeList found = root.getElementsByTagName(name);
    return IntStream.range(0, found.getLength()).mapToObj(i -> (Element) found.item(i)).toList();
  }

  private static List<String> texts(Element root) {
    return elements(root, "text").stream().map(text -> text.getTextContent().strip()).toList();
  }

  /** Returns the lengths of the bars, which have the same height, from the top to the bottom. */
  private static List<Double> bars(Element root) {
    return elements(root, "rect").stream()
        .sorted(
            (a, b) ->
                Double.compare(
                    Double.parseDouble(a.getAttribute("y")),
                    Double.parseDouble(b.getAttribute("y"))))
        .map(bar -> Double.parseDouble(bar.getAttribute("width")))
        .toList();
  }

  @Test
  void barsAreAsLongAsTheRatiosAndTheTextsAreTexts() throws Exception {
    Element root = parse(DrawCommand.draw("A title", List.of(results(SMALL))));

    assertThat(texts(root))
        .contains("A title", "Shorter bars are better.", "Servers & clients", "echo <64 B>")
        .contains("2026-11-21, 2 cores, Netty 4.2: run")
        .contains("Jev", "Netty", "redis-server")
        .contains("0.50  (2.5 µs)", "1  (5.0 µs)", "0.25");
    assertThat(elements(root, "title").get(0).getTextContent()).isEqualTo("A title");
    List<Double> bars = bars(root);
    assertThat(bars).hasSize(3);
    assertThat(bars.get(0) / bars.get(1)).isCloseTo(0.5, within(0.01));
    assertThat(bars.get(2) / bars.get(1)).isCloseTo(0.25, within(0.01));
  }

  @Test
  void pictureHasNoBackgroundAndNoGlyphs() throws Exception {
    String svg = DrawCommand.draw("A title", List.of(results(SMALL)));

    assertThat(bars(parse(svg))).as("no rectangle but the bars").hasSize(3);
    assertThat(svg).doesNotContain("Q", "white").contains("prefers-color-scheme: dark");
  }

  @Test
  void rangeWithoutMedianIsDrawnToItsMaximum() throws Exception {
    String range =
        SMALL.replace("\"median\": 0.5, \"min\": 0.4, \"max\": 0.6", "\"min\": 0.4, \"max\": 0.6");

    Element root = parse(DrawCommand.draw("A title", List.of(results(range))));

    assertThat(texts(root)).contains("0.40 to 0.60  (2.5 µs)");
    assertThat(bars(root).get(0) / bars(root).get(1)).isCloseTo(0.6, within(0.01));
  }

  @Test
  void dotsAreSortedAndOneStepRightForEachTenfold() throws Exception {
    String json =
        """
        {"title": "p99", "date": "2026-11-21", "machine": "2 cores", "command": "torture",
         "figure": "p99Millis", "rows": [
          {"work": "calm", "servers": [{"name": "1", "label": "server", "figures": {"p99Millis": 1}}]},
          {"work": "wild", "servers": [{"name": "2", "label": "server", "figures": {"p99Millis": 100}}]},
          {"work": "rain", "servers": [{"name": "3", "label": "server", "figures": {"p99Millis": 10}}]}]}
        """;

    Element root = parse(DrawCommand.draw("A title", List.of(results(json))));

    List<String> texts = texts(root);
    assertThat(texts).contains("1.0 ms", "10.0 ms", "100 ms");
    assertThat(texts.indexOf("wild")).isLessThan(texts.indexOf("rain"));
    assertThat(texts.indexOf("rain")).isLessThan(texts.indexOf("calm"));
    List<Double> x =
        elements(root, "path").stream()
            .filter(dot -> dot.getAttribute("stroke").equals("none"))
            .map(dot -> Double.parseDouble(dot.getAttribute("d").split("[M ]", -1)[1]))
            .sorted()
            .toList();
    assertThat(x).hasSize(3);
    assertThat(x.get(2) - x.get(1)).isCloseTo(x.get(1) - x.get(0), within(0.5));
  }

  @Test
  void curvesBeginAtZeroAndHaveTheirLabels() throws Exception {
    Curves curves = new Curves("Memory", "MiB", 200);
    curves.curve("live heap");
    curves.point(0, 1);
    curves.point(10, 20);
    curves.point(Double.POSITIVE_INFINITY, 20);

    Element root = parse(Curves.svg("A run", "one minute", List.of(curves)));

    assertThat(texts(root))
        .contains("A run", "one minute", "Memory", "live heap", "0 MiB", "0 s", "10 s");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          "2026-11-21"     | "yesterday"  | date: yesterday (expected: a day such as 2026-11-21)
          "median": 0.5    | "median": -1 | rows[0].ratios[0].median: -1.0 (expected: > 0)
          "median": 0.5    | "median": "fast" | rows[0].ratios[0].median: "fast" (expected: a number)
          "to": "Netty"    | "to": "Nety" | rows[0].ratios[0].to: Nety (expected: another one of [Jev, Netty, redis-server])
          "machine": "2 cores", | ''      | machine: missing (expected: a text)
          "label": "Netty" | "label": "Jev" | rows[0].servers[1].label: Jev (expected: a label that no other server has)
          "work"           | "wrok"       | rows[0].wrok: unknown (expected: one of [
          "relativeTo": "Netty" | "relativeTo": "gnet" | (expected: ratios of all of [Jev, Netty, redis-server] to gnet)
          "relativeTo": "Netty" | "figure": "p99" | rows[0].servers[0].figures.p99: missing (expected: a number)
          {"Netty": "4.2"} | "4.2         | line 2:
          {"of": "Jev", "to": "redis-server", "median": 2.0} | null | rows[0].ratios[1]: missing (expected: an object)
          {"Netty": "4.2"} | 4            | versions: 4 (expected: an object)
          """,
      quoteCharacter = '\'')
  void resultsThatAreWrongAreRefusedByName(String right, String wrong, String message) {
    assertThat(SMALL).contains(right);
    String json = SMALL.replace(right, wrong);

    assertThatThrownBy(() -> results(json))
        .isInstanceOf(BenchmarkException.class)
        .hasMessageStartingWith(directory.resolve("results.json") + ": ")
        .hasMessageContaining(message);
  }

  @Test
  void resultsThatAreNotThereAreRefusedByName() {
    Path file = directory.resolve("none.json");

    assertThatThrownBy(() -> Results.read(file))
        .isInstanceOf(BenchmarkException.class)
        .hasMessageContaining("none.json (expected: a file of results)");
  }

  @Test
  void resultsAreReadAsTheyWereWritten() throws Exception {
    Results results = results(SMALL);
    Path copy = directory.resolve("copy.json");

    results.with(results.rows().get(0)).write(copy);

    assertThat(Results.read(copy).rows())
        .isEqualTo(List.of(results.rows().get(0), results.rows().get(0)));
  }

  /** The fonts of this machine may have other widths: the texts and the ratios are compared. */
  @ParameterizedTest
  @CsvSource({
    "cpu-per-message, messages redis-clients",
    "websocket-and-push, websocket nodes",
    "io_uring, io_uring-slow-calls io_uring-fast-calls",
    "torture, torture torture-websocket"
  })
  void committedPicturesAreThoseOfTheCommittedResults(String picture, String files)
      throws Exception {
    List<Results> results = new ArrayList<>();
    for (String file : files.split(" ", -1)) {
      results.add(Results.read(Path.of("results", file + ".json")));
    }
    Element committed = parse(Files.readString(Path.of(picture + ".svg")));
    String title = elements(committed, "title").get(0).getTextContent();

    Element drawn = parse(DrawCommand.draw(title, results));

    assertThat(String.join(" ", texts(committed))).isEqualTo(String.join(" ", texts(drawn)));
    assertThat(relative(bars(committed))).hasSameSizeAs(bars(drawn));
    for (int i = 0; i < bars(drawn).size(); i++) {
      assertThat(relative(bars(committed)).get(i))
          .isCloseTo(relative(bars(drawn)).get(i), within(0.01));
    }
  }

  private static List<Double> relative(List<Double> lengths) {
    double longest = lengths.stream().mapToDouble(Double::doubleValue).max().orElse(1);
    return lengths.stream().map(length -> length / longest).toList();
  }

  @Test
  void everyFileOfResultsIsDrawnAndIsOfATable() throws Exception {
    String script = Files.readString(Path.of("pictures"));
    String tables =
        Files.readString(Path.of("RESULTS.md")) + Files.readString(Path.of("TORTURE.md"));
    try (var files = Files.list(Path.of("results"))) {
      for (Path file : files.sorted().toList()) {
        assertThat(script).contains(file.toString());
        for (Results.Row row : Results.read(file).rows()) {
          for (Results.Measured server : row.servers()) {
            Double micros = server.figure("cpuMicrosPerMessage");
            Double millis = server.figure("p99Millis");
            if (micros != null) {
              assertThat(tables).as("%s: %s", file, row.work()).containsPattern(number(micros));
            }
            if (millis != null) {
              assertThat(tables).containsPattern("(p99|machine) " + number(millis) + " ms");
            }
          }
        }
      }
    }
  }

  /** Returns a pattern for a number that may have more zeros at its end. */
  private static String number(double value) {
    String text = String.valueOf(value).replaceFirst("\\.0$", "").replace(".", "\\.");
    return "\\b" + text + "(\\.?0+)?\\b";
  }
}
