package dev.jev.benchmarks.shared;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Figures about processes and the machine from {@code /proc}; see proc(5). */
public final class ProcFs {

  /** The unit of CPU times is USER_HZ, which is 100 on every architecture that Java runs on. */
  private static final double TICKS_PER_SECOND = 100;

  private static final Pattern MAPPING =
      Pattern.compile("^([0-9a-f]+)-([0-9a-f]+) [-r][-w][-x][-sp] .*");
  private static final Pattern KIBIBYTES = Pattern.compile("^(\\w+):\\s+(\\d+) kB$");

  private ProcFs() {}

  /**
   * Returns the CPU time of a process in seconds: user and system time of all its threads,
   * including those that have ended.
   */
  public static double processorSeconds(long pid) {
    return sumOfTicks(pid, 14, 15);
  }

  /**
   * Returns the CPU time, in seconds, of those children of this process that have ended and were
   * waited for.
   */
  public static double endedChildrenSeconds() {
    return sumOfTicks(ProcessHandle.current().pid(), 16, 17);
  }

  /** Returns the time, in seconds, in which the cores were not idle, summed over all cores. */
  public static double machineSeconds() {
    String[] fields = read(Path.of("/proc/stat")).lines().findFirst().orElse("").split("\\s+", -1);
    long busy = 0;
    for (int i = 1; i <= 8 && i < fields.length; i++) {
      boolean idle = i == 4 || i == 5;
      busy += idle ? 0 : Long.parseLong(fields[i]);
    }
    return busy / TICKS_PER_SECOND;
  }

  /** Returns a field of {@code smaps_rollup} in bytes: Rss, Pss or Anonymous. */
  public static long memoryBytes(long pid, String field) {
    return read(process(pid, "smaps_rollup"))
        .lines()
        .map(KIBIBYTES::matcher)
        .filter(line -> line.matches() && line.group(1).equals(field))
        .mapToLong(line -> Long.parseLong(line.group(2)) * 1024)
        .findFirst()
        .orElseThrow(() -> new BenchmarkException("process " + pid + ": no field " + field));
  }

  /** Returns the resident bytes of those mappings of the process that overlap the addresses. */
  public static long residentBytes(long pid, long fromAddress, long toAddress) {
    long resident = 0;
    boolean within = false;
    for (String line : read(process(pid, "smaps")).lines().toList()) {
      Matcher mapping = MAPPING.matcher(line);
      Matcher kibibytes = KIBIBYTES.matcher(line);
      if (mapping.matches()) {
        within =
            Long.parseUnsignedLong(mapping.group(1), 16) < toAddress
                && Long.parseUnsignedLong(mapping.group(2), 16) > fromAddress;
      } else if (within && kibibytes.matches() && kibibytes.group(1).equals("Rss")) {
        resident += Long.parseLong(kibibytes.group(2)) * 1024;
      }
    }
    return resident;
  }

  /** Returns the number of files that the process has open. */
  public static long openFiles(long pid) {
    try (Stream<Path> files = Files.list(process(pid, "fd"))) {
      return files.count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static double sumOfTicks(long pid, int first, int second) {
    String stat = read(process(pid, "stat"));
    // Field 2, the name, may contain spaces and parentheses. Field 3 follows its last parenthesis.
    String[] fromThird = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    return (Long.parseLong(fromThird[first - 3]) + Long.parseLong(fromThird[second - 3]))
        / TICKS_PER_SECOND;
  }

  private static Path process(long pid, String file) {
    return Path.of("/proc", Long.toString(pid), file);
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new BenchmarkException(file + ": " + e.getMessage() + " (expected: a live process)");
    }
  }
}
