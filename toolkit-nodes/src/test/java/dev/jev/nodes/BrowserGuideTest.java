package dev.jev.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs the JavaScript of the guide. */
@Timeout(60)
@CallsPrograms
class BrowserGuideTest {

  private static final Path GUIDE = Path.of("..", "docs", "nodes.md");
  private static final Pattern BLOCK = Pattern.compile("```js\n(.*?)```", Pattern.DOTALL);

  /** Returns the code as a script of Node, which ends when the code does. */
  private static String script() throws Exception {
    Matcher block = BLOCK.matcher(Files.readString(GUIDE));
    assertThat(block.find()).isTrue();
    String code = block.group(1);
    assertThat(block.find()).as("a second block").isFalse();
    String url = "/jev/topics.js";
    assertThat(code).contains(url);
    return "import './guide-page.mjs';\n"
        + code.replace(url, "./topics.mjs")
        + "console.log(JSON.stringify({ at: typeof at }));\nawait allShown;\ntopics.close();\n";
  }

  @Test
  void codeSubscribesAndPublishes(@TempDir Path directory) throws Exception {
    NodeScripts scripts = new NodeScripts(directory).with("fakes.mjs").with("guide-page.mjs");
    Files.writeString(directory.resolve("guide.mjs"), script());
    try (PushServers servers = new PushServers();
        Program page = scripts.startWritten("guide.mjs", PushServers.page(servers.first))) {
      assertThat(page.exitStatus()).as("%s", page.errors()).isZero();
      assertThat(page.output())
          .containsExactlyInAnyOrder(
              "{\"load\":true}",
              "{\"list\":[\"token=t1\"]}",
              "{\"show\":{\"text\":\"hello\"}}",
              "{\"at\":\"string\"}");
    }
  }
}
