package dev.jev.samples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/** Compares the code in a document with the code of a test, so that neither changes alone. */
final class Snippets {

  private static final Pattern REGION =
      Pattern.compile("// region \\w+\\n(.*?)\\s*// endregion", Pattern.DOTALL);
  private static final Pattern BLOCK = Pattern.compile("```java\\n(.*?)```", Pattern.DOTALL);

  private Snippets() {}

  /** Asserts that the Java blocks of a document are the regions of a test, in the same order. */
  static void expectShown(String document, Class<?> test) throws IOException {
    String source = "src/test/java/" + test.getName().replace('.', '/') + ".java";
    assertThat(parts(BLOCK, Path.of("..", document)))
        .containsExactlyElementsOf(parts(REGION, Path.of(source)));
  }

  private static List<String> parts(Pattern pattern, Path file) throws IOException {
    return pattern
        .matcher(Files.readString(file))
        .results()
        .map(part -> part.group(1).stripIndent().strip())
        .toList();
  }
}
