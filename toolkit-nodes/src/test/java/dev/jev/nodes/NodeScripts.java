package dev.jev.nodes;

import dev.jev.Program;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Scripts that Node runs, from the test resources, in a directory with {@code topics.js}. Their
 * WebSocket is Node's own.
 */
final class NodeScripts {

  static final String TOPICS = "/jev-topics/jev/topics.js";

  /** Node 20 needs the flag; later versions ignore it. */
  private static final List<String> NODE = List.of("node", "--experimental-websocket");

  private final Path directory;

  NodeScripts(Path directory) throws Exception {
    Program.requireLibrary(
        "node (20 or later)", "nodejs", "node", "--experimental-websocket", "-e", "WebSocket");
    this.directory = directory;
    // Node takes a file with this suffix for a module, wherever it is.
    copy(TOPICS, "topics.mjs");
  }

  /** Adds a script of the test resources. */
  NodeScripts with(String script) throws IOException {
    copy("topics/" + script, script);
    return this;
  }

  /** Starts a script of the test resources. */
  Program start(String script, String... arguments) throws IOException {
    return with(script).startWritten(script, arguments);
  }

  /** Starts a script that the directory has. */
  Program startWritten(String script, String... arguments) throws IOException {
    return node(List.of(), script, arguments);
  }

  /** Starts a script that consists of Node's tests. */
  Program startTests(String script) throws IOException {
    return with(script).node(List.of("--test-reporter=tap"), script);
  }

  private Program node(List<String> flags, String script, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(NODE);
    command.addAll(flags);
    command.add(directory.resolve(script).toString());
    command.addAll(List.of(arguments));
    return Program.start(command.toArray(String[]::new));
  }

  private void copy(String resource, String file) throws IOException {
    try (InputStream in = NodeScripts.class.getResourceAsStream(resource)) {
      Files.write(directory.resolve(file), in.readAllBytes());
    }
  }
}
