package dev.jev.benchmarks.shared;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What Linux tells in {@code /proc}; see proc(5). */
public final class ProcFs {

  /** Linux counts in units of USER_HZ, which is 100 on every architecture that Java runs on. */
  private static final double TICKS_PER_SECOND = 100;

  private static final Pattern MAPPING =
      Pattern.compile("^([0-9a-f]+)-([0-9a-f]+) [-r][-w][-x][-sp] .*");
  private static final Pattern KIBIBYTES = Pattern.compile("^(\\w+):\\s+(\\d+) kB$");

  private ProcFs() {}

  /** User and system time of all threads of the process, those that have ended included. */
  public static double processorSeconds(long pid) {
    return sumOfTicks(pid, 14, 15);
  }

  /** User and system time of the calling process's children that were waited for. */
  public static double endedChildrenSeconds() {
    return sumOfTicks(ProcessHandle.current().pid(), 16, 17);
  }

  /** Time that all cores together were not idle. */
  public static double machineSeconds() {
    String[] fields = read(Path.of("/proc/stat")).lines().findFirst().orElse("").split("\\s+", -1);
    long busy = 0;
    for (int i = 1; i <= 8 && i < fields.length; i++) {
      boolean idle = i == 4 || i == 5;
      busy += idle ? 0 : Long.parseLong(fields[i]);
    }
    return busy / TICKS_PER_SECOND;
  }

  /** Bytes of the process by {@code field} of {@code smaps_rollup}: Rss, Pss, Anonymous. */
  public static long memoryBytes(long pid, String field) {
    return read(process(pid, "smaps_rollup"))
        .lines()
        .map(KIBIBYTES::matcher)
        .filter(line -> line.matches() && line.group(1).equals(field))
        .mapToLong(line -> Long.parseLong(line.group(2)) * 1024)
        .findFirst()
        .orElseThrow(() -> new BenchmarkException("process " + pid + ": no " + field));
  }

  /** Resident bytes of the process's mappings that overlap the addresses. */
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

  public static long openFiles(long pid) {
    try (Stream<Path> files = Files.list(process(pid, "fd"))) {
      return files.count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static double sumOfTicks(long pid, int first, int second) {
    String stat = read(process(pid, "stat"));
    // Field 2, the name, may hold blanks and parentheses; field 3 follows its last parenthesis.
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
