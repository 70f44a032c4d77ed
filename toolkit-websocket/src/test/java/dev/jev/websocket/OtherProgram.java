package dev.jev.websocket;

import static org.assertj.core.api.Assertions.assertThat;

import dev.jev.Program;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/**
 * A program in another language that speaks WebSocket with a library of that language. Its source
 * is a test resource.
 */
final class OtherProgram implements AutoCloseable {

  private static final String WS = "ws@8.23.0";
  private static final Path TARGET = Path.of("target").toAbsolutePath();
  private static final Path NODE = TARGET.resolve("node");

  private final Program program;

  private OtherProgram(Program program) {
    this.program = program;
  }

  /** Starts a program for Node with the package {@code ws}, which npm installs below target. */
  static OtherProgram node(String source, String... arguments) throws Exception {
    Program.require("node");
    if (!Files.exists(NODE.resolve("node_modules/ws"))) {
      String[] npm = {"npm", "install", "--silent", "--no-save", "--prefix", NODE.toString(), WS};
      Program.requireLibrary(WS, "npm", npm);
    }
    return start(List.of("node"), NODE, source, arguments);
  }

  /** Starts a program for Python 3 with the package {@code websockets}. */
  static OtherProgram python(String source, String... arguments) throws Exception {
    // The Python of the system, for which its package manager installs the package.
    String python = "/usr/bin/python3";
    Program.requireLibrary("websockets", "python3-websockets", python, "-c", "import websockets");
    return start(List.of(python, "-X", "utf8"), TARGET, source, arguments);
  }

  /** Starts a program in a directory below which Node finds its packages. */
  private static OtherProgram start(
      List<String> interpreter, Path directory, String source, String... arguments)
      throws IOException {
    Path file = Files.createTempFile(directory, "", source);
    try (InputStream in = OtherProgram.class.getResourceAsStream("others/" + source)) {
      Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
    }
    file.toFile().deleteOnExit();
    List<String> command = new ArrayList<>(interpreter);
    command.add(file.toString());
    command.addAll(List.of(arguments));
    return new OtherProgram(Program.start(command.toArray(String[]::new)));
  }

  /** Reads the next lines of output and compares them. */
  void expect(String... lines) throws InterruptedException {
    for (String line : lines) {
      assertThat(program.line()).isEqualTo(line);
    }
  }

  /** Reads the next line of output, which must begin with {@code start}; returns the rest. */
  String readAfter(String start) throws InterruptedException {
    String line = program.line();
    assertThat(line).startsWith(start);
    return line.substring(start.length());
  }

  /** Waits for the end of the program: no further output and exit status 0. */
  void expectEnd() throws Exception {
    assertThat(program.exitStatus()).as(() -> program.errors().toString()).isZero();
    assertThat(program.output()).isEmpty();
  }

  @Override
  public void close() throws IOException {
    program.close();
  }
}
