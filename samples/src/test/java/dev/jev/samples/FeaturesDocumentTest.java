package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Checks that the tests named in docs/features.md exist. */
class FeaturesDocumentTest {

  private static final Path ROOT = Path.of("..");
  private static final Pattern NAME =
      Pattern.compile("`([A-Z]\\w*(?:Test|IT))?(?:\\.([a-z]\\w*))?`");

  @Test
  void everyTestThatIsNamedExists() throws IOException {
    Map<String, String> sources;
    try (Stream<Path> files = Files.walk(ROOT, 10)) {
      sources =
          files
              .filter(file -> file.toString().matches(".*src.test.java.*(Test|IT)\\.java"))
              .filter(file -> !file.toString().contains("target")) // copies of projects
              .collect(Collectors.toMap(FeaturesDocumentTest::name, FeaturesDocumentTest::text));
    }
    int named = 0;
    List<String> missing = new ArrayList<>();
    for (String line : Files.readAllLines(ROOT.resolve("docs/features.md"))) {
      if (!line.startsWith("|")) {
        continue;
      }
      String type = "";
      Matcher names = NAME.matcher(line);
      while (names.find()) {
        named++;
        type = names.group(1) == null ? type : names.group(1);
        String source = sources.getOrDefault(type, "");
        if (source.isEmpty()
            || (names.group(2) != null && !source.contains("void " + names.group(2) + "("))) {
          missing.add(type + "." + names.group(2));
        }
      }
    }
    assertThat(missing).isEmpty();
    assertThat(named).isGreaterThan(150);
  }

  private static String name(Path file) {
    return file.getFileName().toString().replace(".java", "");
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return "";
    }
  }
}
