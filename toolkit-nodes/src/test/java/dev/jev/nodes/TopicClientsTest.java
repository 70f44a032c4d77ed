package dev.jev.nodes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Clients of the topic protocol against {@link TopicSocket}: {@code topics.js} in Node, and one in
 * Python that was written from the document.
 */
@Timeout(120)
@CallsPrograms
class TopicClientsTest {

  private static final int CUTS = 20;
  private static final int BETWEEN_CUTS = 250;
  private static final int MESSAGES = CUTS * BETWEEN_CUTS + 100;
  private static final Pattern END =
      Pattern.compile("\\{\"got\": ?(\\d+),.*\"connections\": ?(\\d+).*");

  @TempDir Path directory;
  private final PushServers servers = new PushServers();

  @AfterEach
  void stop() {
    servers.close();
  }

  private Program scriptAt(String urls, String what, Object... arguments) throws Exception {
    List<String> all = new ArrayList<>(List.of(what, urls));
    for (Object argument : arguments) {
      all.add(argument.toString());
    }
    NodeScripts scripts = new NodeScripts(directory).with("fakes.mjs");
    return scripts.start("live-client.mjs", all.toArray(String[]::new));
  }

  private Program script(String what, Object... arguments) throws Exception {
    return scriptAt(PushServers.url(servers.first), what, arguments);
  }

  private Program python(Object... arguments) throws Exception {
    Path source = directory.resolve("topic_client.py");
    try (InputStream in = TopicClientsTest.class.getResourceAsStream("topic_client.py")) {
      Files.write(source, in.readAllBytes());
    }
    List<String> command = new ArrayList<>(List.of("python3", "-X", "utf8", source.toString()));
    command.addAll(List.of(PushServers.port(servers.first), "/topics?u1"));
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    return Program.start(command.toArray(String[]::new));
  }

  private static void expectEnd(Program program, String... lines) throws Exception {
    assertThat(program.exitStatus()).as("%s", program.errors()).isZero();
    assertThat(program.output()).containsExactly(lines);
  }

  /** Closes connections of a program that gets numbers, and expects that it gets all. */
  private void expectEndAfterCuts(Program program) throws Exception {
    AtomicInteger count = servers.publishNumbers("numbers", MESSAGES, CUTS, BETWEEN_CUTS);
    assertThat(program.exitStatus()).as("%s", program.errors()).isZero();
    Matcher end = END.matcher(program.output().get(0));
    assertThat(end.matches()).as("%s", end).isTrue();
    assertThat(end.group(1)).isEqualTo(count.toString());
    // A connection that is slow to close is closed twice.
    assertThat(Integer.parseInt(end.group(2))).isBetween(CUTS / 2, CUTS + 1);
  }

  // topics.js.

  @Test
  void scriptGetsEachMessageOnceOver20CutConnections() throws Exception {
    try (Program script = script("follow", "numbers", Integer.MAX_VALUE)) {
      assertThat(script.line()).isEqualTo("{\"started\":\"numbers\"}");
      expectEndAfterCuts(script);
    }
  }

  @Test
  void scriptGetsEachMessageOnceOver20ReloadsOfItsPage() throws Exception {
    try (Program script = script("follow", "numbers", 50)) {
      assertThat(script.line()).isEqualTo("{\"started\":\"numbers\"}");
      servers.publishNumbers("numbers", CUTS * 50 + 1);
      expectEnd(script, "{\"got\":1001,\"loads\":21,\"connections\":21}");
    }
  }

  @Test
  void scriptGoesOnAtAnotherServerWhenItsServerDrains() throws Exception {
    String urls = PushServers.url(servers.first) + "," + PushServers.url(servers.second);
    try (Program script = scriptAt(urls, "follow", "numbers", Integer.MAX_VALUE)) {
      assertThat(script.line()).isEqualTo("{\"started\":\"numbers\"}");
      servers.publishNumbers("numbers", 2000);
      servers.drainFirst();
      expectEnd(script, "{\"got\":2000,\"loads\":1,\"connections\":2}");
    }
  }

  @Test
  void scriptGetsItsPublicationsAtThePositionsOfTheirAnswers() throws Exception {
    try (Program script = script("publish", "numbers", 200)) {
      expectEnd(script, "{\"published\":200}");
    }
  }

  @Test
  void scriptThatWasAwayForTooLongIsToldOfTheLoss() throws Exception {
    try (Program script = script("leave", "short")) {
      assertThat(script.line()).isEqualTo("{\"started\":\"short\"}");
      servers.publish("short", "1");
      assertThat(script.line()).isEqualTo("{\"data\":1}");
      script.typesAndWaits("away\n");
      assertThat(script.line()).isEqualTo("{\"away\":\"short\"}");
      IntStream.rangeClosed(2, 100).forEach(i -> servers.publish("short", String.valueOf(i)));
      script.typesAndWaits("back\n");
      assertThat(script.line()).isEqualTo("{\"lost\":\"short\"}");
      servers.publish("short", "101");
      assertThat(script.line()).isEqualTo("{\"data\":101}");
      script.types("end\n");
      expectEnd(script);
    }
  }

  @Test
  void scriptThatWasAwayGetsWhatItHasMissed() throws Exception {
    try (Program script = script("leave", "short")) {
      assertThat(script.line()).isEqualTo("{\"started\":\"short\"}");
      script.typesAndWaits("away\n");
      assertThat(script.line()).isEqualTo("{\"away\":\"short\"}");
      servers.publish("short", "{\"text\":\"grüße\"}");
      script.typesAndWaits("back\n");
      assertThat(script.line()).isEqualTo("{\"data\":{\"text\":\"grüße\"}}");
      script.types("end\n");
      expectEnd(script);
    }
  }

  @Test
  void scriptIsToldOfMembers() throws Exception {
    try (Program script = script("members", "room")) {
      assertThat(script.line()).isEqualTo("{\"members\":[\"u1\"]}");
      String other = PushServers.url(servers.second).replace("u1", "u2");
      try (Program second = scriptAt(other, "leave", "room")) {
        assertThat(second.line()).isEqualTo("{\"started\":\"room\"}");
        assertThat(script.line()).isEqualTo("{\"members\":[\"u1\",\"u2\"]}");
        second.types("end\n");
        expectEnd(second);
      }
      expectEnd(script, "{\"members\":[\"u1\"]}");
    }
  }

  @Test
  void scriptIsToldWhatIsDenied() throws Exception {
    try (Program script = script("deny", "secret")) {
      expectEnd(script, "{\"outcome\":\"denied\",\"errors\":[[\"secret\",\"denied\"]]}");
    }
  }

  @Test
  void scriptThatExceedsTheLimitsEnds() throws Exception {
    Object[] topics = IntStream.rangeClosed(0, 100).mapToObj(i -> "t" + i).toArray();
    try (Program script = script("state", topics)) {
      assertThat(script.line()).isEqualTo("{\"state\":\"open\"}");
      assertThat(script.line()).isEqualTo("{\"state\":\"closed\"}");
      assertThat(script.line()).startsWith("{\"code\":1008,\"message\":").contains("1..100");
      expectEnd(script);
    }
  }

  // Python.

  @Test
  void pythonGetsEachMessageOnceOver20CutConnections() throws Exception {
    try (Program python = python("follow", "numbers", BETWEEN_CUTS)) {
      assertThat(python.line()).isEqualTo("{\"subscribed\": \"numbers\"}");
      servers.publishNumbers("numbers", MESSAGES);
      String end = "{\"got\": %d, \"connections\": %d, \"replayed\": true}";
      expectEnd(python, end.formatted(MESSAGES, CUTS + 1));
    }
  }

  @Test
  void pythonGetsEachMessageOnceWhileTheServerCloses() throws Exception {
    try (Program python = python("follow", "numbers", Integer.MAX_VALUE)) {
      assertThat(python.line()).isEqualTo("{\"subscribed\": \"numbers\"}");
      expectEndAfterCuts(python);
    }
  }

  @Test
  void pythonGetsItsPublicationsAtThePositionsOfTheirAnswers() throws Exception {
    try (Program python = python("publish", "numbers", 500)) {
      expectEnd(python, "{\"published\": 500}");
    }
  }

  @Test
  void pythonIsToldOfMembers() throws Exception {
    try (Program python = python("members", "room", "u2")) {
      assertThat(python.line()).isEqualTo("{\"members\": [\"u1\"]}");
      String other = PushServers.url(servers.second).replace("u1", "u2");
      try (Program second = scriptAt(other, "leave", "room")) {
        assertThat(python.line()).isEqualTo("{\"joined\": \"u2\"}");
        second.types("end\n");
        expectEnd(second, "{\"started\":\"room\"}");
      }
      expectEnd(python, "{\"left\": \"u2\"}");
    }
  }

  @Test
  void pythonIsToldOfItsFaults() throws Exception {
    try (Program python = python("send", "{\"publish\":\"secret\",\"data\":1}", "{\"sub\":1}")) {
      assertThat(python.line()).isEqualTo("{\"denied\": \"secret\", \"reason\": \"secret\"}");
      assertThat(python.line()).startsWith("{\"error\": ");
      expectEnd(python, "{\"closed\": 1008}");
    }
  }
}
