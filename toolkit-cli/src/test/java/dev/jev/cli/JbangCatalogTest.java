package dev.jev.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Checks that jbang-catalog.json names what this module is published as. */
class JbangCatalogTest {

  private static final Pattern PARENT = Pattern.compile("<version>(.*?)</version>\\s*</parent>");

  @Test
  void aliasNamesTheArtifactAndItsProgram() throws IOException {
    Matcher parent = PARENT.matcher(Files.readString(Path.of("pom.xml")));
    assertThat(parent.find()).isTrue();
    JsonNode catalog =
        JsonMapper.shared().readTree(Files.readString(Path.of("..", "jbang-catalog.json")));
    JsonNode jev = catalog.get("aliases").get("jev");
    assertThat(jev.get("script-ref").asString())
        .isEqualTo("dev.jev:toolkit-cli:" + parent.group(1));
    assertThat(jev.get("main").asString()).isEqualTo(Jev.class.getName());
  }
}
