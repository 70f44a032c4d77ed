package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.ChildProcesses;
import dev.jev.benchmarks.shared.JavaCommandLine;
import dev.jev.benchmarks.shared.ProcFs;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The memory of a JVM just after a full collection, in bytes; after a division, bytes per
 * connection.
 *
 * <p>Resident memory alone says little: heap pages that once contained garbage stay resident.
 * Therefore {@code process} counts the live objects of the heap and the resident pages of
 * everything else.
 *
 * @param rss resident set, including pages of garbage
 * @param pss proportional set size: pages that are shared with other processes count in part
 * @param anonymous resident set without mapped files
 * @param heap live objects
 * @param outside resident pages that are not part of the Java heap: code, class data, direct
 *     buffers, malloc
 */
record MemoryUsage(double rss, double pss, double anonymous, double heap, double outside) {

  private static final Duration LIMIT = Duration.ofSeconds(60);

  /**
   * Number of full collections before a reading. The serial collector leaves some dead objects in
   * place and counts them as used, except in every fourth collection
   * (-XX:MarkSweepAlwaysCompactCount).
   */
  private static final int COLLECTIONS = 4;

  /**
   * A generation of the heap, for example {@code tenured generation total 10240K, used 512K
   * [0x00..., 0x00..., 0x00...)}.
   */
  private static final Pattern GENERATION =
      Pattern.compile("total \\d+K, used (\\d+)K\\s*\\[0x(\\w+), 0x\\w+, 0x(\\w+)\\)");

  /**
   * Runs full collections in the JVM and reads its memory. The JVM has to use the serial collector.
   */
  static MemoryUsage read(long pid, ExperimentOptions options, ChildProcesses children) {
    for (int i = 0; i < COLLECTIONS; i++) {
      jcmd(pid, "GC.run", options, children);
    }
    Matcher generation = GENERATION.matcher(jcmd(pid, "GC.heap_info", options, children));
    long live = 0;
    long from = Long.MAX_VALUE;
    long to = 0;
    while (generation.find()) {
      live += Long.parseLong(generation.group(1)) * 1024;
      from = Math.min(from, Long.parseUnsignedLong(generation.group(2), 16));
      to = Math.max(to, Long.parseUnsignedLong(generation.group(3), 16));
    }
    if (live == 0) {
      throw new BenchmarkException("heap of " + pid + ": unknown (expected: -XX:+UseSerialGC)");
    }
    long rss = ProcFs.memoryBytes(pid, "Rss");
    return new MemoryUsage(
        rss,
        ProcFs.memoryBytes(pid, "Pss"),
        ProcFs.memoryBytes(pid, "Anonymous"),
        live,
        rss - ProcFs.residentBytes(pid, from, to));
  }

  /** Returns the size of the live objects and of all resident pages outside the Java heap. */
  double process() {
    return heap + outside;
  }

  /** Returns the growth since an earlier reading, divided by the number of connections. */
  MemoryUsage perConnectionSince(MemoryUsage earlier, int connections) {
    return new MemoryUsage(
        (rss - earlier.rss) / connections,
        (pss - earlier.pss) / connections,
        (anonymous - earlier.anonymous) / connections,
        (heap - earlier.heap) / connections,
        (outside - earlier.outside) / connections);
  }

  /** Returns what results have of a reading. */
  Map<String, Double> figures() {
    return Map.of(
        "residentBytes", Math.rint(rss),
        "liveHeapBytes", Math.rint(heap),
        "bytesOutsideTheHeap", Math.rint(outside));
  }

  String toJson() {
    return "{\"process\":%.0f,\"heap\":%.0f,\"outside\":%.0f,\"rss\":%.0f,\"pss\":%.0f,\"anonymous\":%.0f}"
        .formatted(process(), heap, outside, rss, pss, anonymous);
  }

  private static String jcmd(
      long pid, String command, ExperimentOptions options, ChildProcesses children) {
    List<String> words = new ArrayList<>(options.onLoadCore());
    words.addAll(List.of(JavaCommandLine.jdkTool("jcmd"), Long.toString(pid), command));
    return children.run(words, LIMIT);
  }
}
