package dev.jev.samples;

import dev.jev.Program;
import java.nio.file.Files;
import java.nio.file.Path;

/** A package for Node and browsers, which npm installs below target. */
final class NodePackage {

  private static final Path NODE = Path.of("target", "node").toAbsolutePath();

  private NodePackage() {}

  /** Returns the directory of a package; skips the test if it cannot be installed. */
  static Path directory(String name, String version) throws Exception {
    Path directory = NODE.resolve("node_modules").resolve(name);
    if (!Files.exists(directory)) {
      String id = name + "@" + version;
      Program.requireLibrary(
          id, "npm", "npm", "install", "--silent", "--no-save", "--prefix", NODE.toString(), id);
    }
    return directory;
  }
}
