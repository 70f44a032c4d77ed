package dev.jev.spring.guide;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Client;
import dev.jev.Connection;
import dev.jev.RawPeer;
import dev.jev.Texts;
import dev.jev.spring.JevClients;
import dev.jev.spring.JevServers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.TestConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.test.annotation.DirtiesContext;

/** Runs the code of docs/spring-boot.md, and compares it and the tables with the document. */
@DirtiesContext // leaves no thread to other tests
@SpringBootTest(
    classes = EchoApplication.class,
    properties = {
      "jev.server.echo.listen=tcp://127.0.0.1:0",
      "jev.server.greeter.listen=tcp://127.0.0.1:0",
      "jev.client.upstream.uri=tcp://127.0.0.1:1",
    })
@Import(GuideTest.Upstream.class)
@SuppressWarnings("ClassCanBeStatic") // EchoTest, as in the document
class GuideTest {

  private static final Path DOCUMENT = Path.of("../docs/spring-boot.md");
  private static final Pattern REGION =
      Pattern.compile("// region \\w+\\n(.*?)\\s*// endregion", Pattern.DOTALL);
  private static final Pattern BLOCK = Pattern.compile("```java\\n(.*?)```", Pattern.DOTALL);
  private static final Pattern CELL = Pattern.compile("`([a-z.-]+)`(?=[^|\\n]*\\|)");

  @Autowired private JevServers servers;
  @Autowired private JevClients clients;

  @TestConfiguration(proxyBeanMethods = false)
  static class Upstream {
    @Bean
    Client.Builder<String, String> upstream() {
      return Client.builder(Texts::new, (Connection<String> c, String text) -> {}).reconnect();
    }
  }

  @Test
  void serversServe() throws IOException {
    try (RawPeer peer = RawPeer.connect(servers.get("echo"))) {
      assertThat(peer.send("hi").receive()).isEqualTo("hi");
    }
    try (RawPeer peer = RawPeer.connect(servers.get("greeter"))) {
      assertThat(peer.send("Ann").receive()).isEqualTo("hello Ann");
    }
  }

  @Test
  void clientIsThere() {
    // region client
    Client<String> upstream = clients.get("upstream");
    upstream.send("hello");
    // endregion
    assertThat(upstream.isConnected()).isFalse();
  }

  // region test
  @SpringBootTest(properties = "jev.server.echo.listen=tcp://127.0.0.1:0")
  class EchoTest {
    @Autowired JevServers servers;
  }

  // endregion

  @Test
  void codeIsThatOfTheDocument() throws IOException {
    List<String> regions = new ArrayList<>();
    for (String file : List.of("EchoApplication", "Greeter", "GuideTest")) {
      Path path = Path.of("src/test/java/dev/jev/spring/guide/" + file + ".java");
      regions.addAll(parts(REGION, Files.readString(path)));
    }
    assertThat(parts(BLOCK, Files.readString(DOCUMENT))).containsExactlyElementsOf(regions);
  }

  @Test
  void codeOfTheReadmeServes() throws IOException {
    Path path = Path.of("src/test/java/dev/jev/spring/guide/ReadmeBeans.java");
    Pattern block = Pattern.compile("```java spring\\n(.*?)```", Pattern.DOTALL);
    assertThat(parts(block, Files.readString(Path.of("../README.md"))))
        .containsExactlyElementsOf(parts(REGION, Files.readString(path)));
    try (ConfigurableApplicationContext context =
            new SpringApplicationBuilder(ReadmeBeans.class)
                .web(WebApplicationType.NONE)
                .run("--jev.server.greeter.listen=tcp://127.0.0.1:0");
        RawPeer peer = RawPeer.connect(context.getBean(JevServers.class).get("greeter"))) {
      assertThat(peer.send("Ann").receive()).isEqualTo("hello Ann");
    }
  }

  private static List<String> parts(Pattern pattern, String text) {
    return groups(pattern, text).stream().map(part -> part.stripIndent().strip()).toList();
  }

  private static List<String> groups(Pattern pattern, String text) {
    return pattern.matcher(text).results().map((MatchResult part) -> part.group(1)).toList();
  }

  @Test
  void everyPropertyIsInATable() throws Exception {
    List<String> expected = new ArrayList<>();
    for (String type : List.of("ServerOptions", "ClientOptions")) {
      addNames("", Class.forName("dev.jev.spring." + type), expected);
    }
    String rows =
        Files.readAllLines(DOCUMENT).stream()
            .filter(line -> line.startsWith("| `") && !line.contains("jev."))
            .map(line -> line.substring(0, line.indexOf('|', 1) + 1))
            .reduce("", (text, line) -> text + line + "\n");
    assertThat(groups(CELL, rows)).hasSameElementsAs(expected);
  }

  private static void addNames(String prefix, Class<?> options, List<String> names) {
    for (var component : options.getRecordComponents()) {
      String name =
          prefix
              + component.getName().replaceAll("([A-Z])", "-$1").toLowerCase(java.util.Locale.ROOT);
      if (component.getType().isRecord()) {
        addNames(name + ".", component.getType(), names);
      } else {
        names.add(name);
      }
    }
  }
}
