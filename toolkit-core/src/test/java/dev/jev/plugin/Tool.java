package dev.jev.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** An independent implementation of TLS. */
final class Tool {

  private Tool() {}

  /** Returns whether a tool can be run; it must be in CI. */
  static boolean isInstalled(String tool) {
    boolean installed =
        Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1))
            .anyMatch(directory -> Path.of(directory, tool).toFile().canExecute());
    if (System.getenv("CI") != null) {
      assertThat(installed).as("%s is installed", tool).isTrue();
    }
    return installed;
  }

  /** Runs a command to its end and returns its output. */
  static String run(byte[] input, List<String> command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    try (OutputStream in = process.getOutputStream();
        InputStream bytes = new ByteArrayInputStream(input)) {
      bytes.transferTo(in);
      in.flush();
      String output =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
      assertThat(process.waitFor(20, TimeUnit.SECONDS)).as("end of %s", command).isTrue();
      return output;
    } finally {
      process.destroyForcibly();
    }
  }
}
