package dev.jev.samples.push;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.nodes.TopicSocket;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The parts of the page, and the code that it shows. */
public class PriceServerTest {

  /** The code that the page shows. */
  public static final Path SOURCE = Path.of("src/main/java/dev/jev/samples/push/PriceServer.java");

  @Test
  void pageHasTheSource() throws IOException {
    try (InputStream page = PriceServer.class.getResourceAsStream("/push/PriceServer.java")) {
      byte[] shown = requireNonNull(page, "page").readAllBytes();
      assertThat(new String(shown, UTF_8)).isEqualTo(Files.readString(SOURCE));
    }
  }

  private static List<Path> page() throws IOException {
    try (Stream<Path> files = Files.list(Path.of("src/main/resources/push"))) {
      return files.toList();
    }
  }

  @Test
  void pageIsSmallAndNeedsNothingFromElsewhere() throws IOException {
    long bytes = Files.size(SOURCE);
    for (Path file : page()) {
      bytes += Files.size(file);
      String text = Files.readString(file).replace("http://www.w3.org/2000/svg", "");
      assertThat(text.replace("<a href=\"https://github.com/jev-dev/jev\">", ""))
          .as("%s", file)
          .doesNotContain("https://")
          .doesNotContain("http://")
          .doesNotContain("src=\"//");
    }
    try (InputStream topics = TopicSocket.class.getResourceAsStream("/jev-topics/jev/topics.js")) {
      bytes += requireNonNull(topics, "topics.js").readAllBytes().length;
    }
    assertThat(bytes).isLessThan(80 * 1024);
  }
}
