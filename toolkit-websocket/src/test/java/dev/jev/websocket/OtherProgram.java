package dev.jev.websocket;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A program in another language that speaks WebSocket with a library of that language. Its source
 * is a test resource.
 *
 * <p>If the library is missing, a test is skipped. If the environment variable CI is set, it fails.
 */
final class OtherProgram implements AutoCloseable {

  private static final String WS = "ws@8.23.0";
  private static final Path NODE = Path.of("target", "node").toAbsolutePath();

  private final Process process;
  private final BufferedReader output;

  private OtherProgram(Process process) {
    this.process = process;
    this.output = process.inputReader(UTF_8);
  }

  /** Starts a program for Node with the package {@code ws}, which npm installs below target. */
  static OtherProgram node(String source, String... arguments) throws Exception {
    if (!Files.exists(NODE.resolve("node_modules/ws"))) {
      String[] npm = {"npm", "install", "--silent", "--no-save", "--prefix", NODE.toString(), WS};
      require(WS, npm);
    }
    return start(List.of("node"), source, arguments);
  }

  /** Starts a program for Python 3 with the package {@code websockets}. */
  static OtherProgram python(String source, String... arguments) throws Exception {
    // The Python of the system, for which its package manager installs the package.
    require("python3-websockets", "/usr/bin/python3", "-c", "import websockets");
    return start(List.of("/usr/bin/python3", "-X", "utf8"), source, arguments);
  }

  private static void require(String what, String... command) throws InterruptedException {
    boolean there = succeeds(command);
    if (System.getenv("CI") != null) {
      assertThat(there).as("%s is installed", what).isTrue();
    }
    assumeTrue(there, what + " is not installed");
  }

  private static boolean succeeds(String... command) throws InterruptedException {
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      return process.waitFor(50, TimeUnit.SECONDS) && process.exitValue() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  private static OtherProgram start(List<String> interpreter, String source, String... arguments)
      throws IOException {
    Path program = Files.createTempFile("jev", source);
    try (InputStream in = OtherProgram.class.getResourceAsStream("others/" + source)) {
      Files.write(program, in.readAllBytes());
    }
    program.toFile().deleteOnExit();
    List<String> command = new ArrayList<>(interpreter);
    command.add(program.toString());
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("NODE_PATH", NODE.resolve("node_modules").toString());
    return new OtherProgram(builder.start());
  }

  /** Reads the next lines of output and compares them. */
  void expect(String... lines) throws IOException {
    for (String line : lines) {
      @Nullable String next = output.readLine();
      assertThat(next).isEqualTo(line);
    }
  }

  /** Reads the next line of output, which must begin with {@code start}; returns the rest. */
  String readAfter(String start) throws IOException {
    @Nullable String line = output.readLine();
    assertThat(line).startsWith(start);
    return line.substring(start.length());
  }

  /** Waits for the end of the program: no further output and exit status 0. */
  void expectEnd() throws Exception {
    assertThat(output.lines()).isEmpty();
    assertThat(process.waitFor()).isZero();
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
