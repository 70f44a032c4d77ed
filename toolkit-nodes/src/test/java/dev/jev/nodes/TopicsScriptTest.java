package dev.jev.nodes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.jev.CallsPrograms;
import dev.jev.Program;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code topics.js} without a server. */
@Timeout(120)
class TopicsScriptTest {

  private static final int MAX_GZIPPED_BYTES = 5 * 1024;

  /** A test in the Test Anything Protocol. */
  private static final Pattern TEST = Pattern.compile("(ok|not ok) \\d+ - (.*)");

  @Test
  void moduleHasAtMost5KibibytesGzipped() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (InputStream in = TopicsScriptTest.class.getResourceAsStream(NodeScripts.TOPICS);
        GZIPOutputStream gzip = new GZIPOutputStream(bytes)) {
      in.transferTo(gzip);
    }
    assertThat(bytes.size()).isLessThanOrEqualTo(MAX_GZIPPED_BYTES);
  }

  @TestFactory
  @CallsPrograms
  List<DynamicTest> factsOfTheModule(@TempDir Path directory) throws Exception {
    NodeScripts scripts = new NodeScripts(directory).with("fakes.mjs");
    try (Program tests = scripts.startTests("module-test.mjs")) {
      int status = tests.exitStatus();
      String output = String.join("\n", tests.output());
      List<DynamicTest> facts = new ArrayList<>();
      for (Matcher test = TEST.matcher(output); test.find(); ) {
        boolean ok = test.group(1).equals("ok");
        facts.add(dynamicTest(test.group(2), () -> assertThat(ok).as(output).isTrue()));
      }
      facts.add(dynamicTest("exit status is 0", () -> assertThat(status).as(output).isZero()));
      assertThat(facts).as("%s%s", output, tests.errors()).hasSizeGreaterThan(40);
      return facts;
    }
  }
}
