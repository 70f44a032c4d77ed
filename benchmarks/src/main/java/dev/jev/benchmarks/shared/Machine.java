package dev.jev.benchmarks.shared;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** The machine that measures. */
public final class Machine {

  private static final Path CPU = Path.of("/proc/cpuinfo");
  private static final String MODEL = "model name";

  private Machine() {}

  /** Returns cores, operating system and JVM, for example "2 cores (AMD EPYC), Linux 6.18, …". */
  public static String describe() {
    return "%d cores (%s), %s %s, Java %s"
        .formatted(
            Runtime.getRuntime().availableProcessors(),
            cpu(),
            System.getProperty("os.name"),
            System.getProperty("os.version"),
            System.getProperty("java.version"));
  }

  private static String cpu() {
    try (Stream<String> lines = Files.lines(CPU)) {
      return lines
          .filter(line -> line.startsWith(MODEL))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse(System.getProperty("os.arch"));
    } catch (IOException e) {
      return System.getProperty("os.arch");
    }
  }
}
