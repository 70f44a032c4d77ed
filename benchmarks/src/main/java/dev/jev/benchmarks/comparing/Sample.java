package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The measurements of one server in one window.
 *
 * @param messages complete replies within the window
 */
record Sample(
    long messages,
    double seconds,
    CpuTime used,
    double p50Micros,
    double p99Micros,
    double maxMicros) {

  double messagesPerSecond() {
    return messages / seconds;
  }

  double serverMicrosPerMessage() {
    return used.server() / messages * 1e6;
  }

  /** Returns one line of JSON, which {@link #parse} reads. */
  String toJson() {
    return String.format(
        Locale.ROOT,
        "{\"messages\":%d,\"seconds\":%.3f,\"messages_per_second\":%.0f,"
            + "\"server_micros_per_message\":%.4f,"
            + "\"p50_micros\":%.1f,\"p99_micros\":%.1f,\"max_micros\":%.1f,"
            + "\"server_cpu_seconds\":%.2f,\"load_cpu_seconds\":%.2f,\"machine_cpu_seconds\":%.2f}",
        messages,
        seconds,
        messagesPerSecond(),
        serverMicrosPerMessage(),
        p50Micros,
        p99Micros,
        maxMicros,
        used.server(),
        used.load(),
        used.machine());
  }

  /** Returns what results have of a sample. */
  Map<String, Double> figures() {
    return Map.of(
        "cpuMicrosPerMessage", SummaryStatistics.rounded(serverMicrosPerMessage()),
        "messagesPerSecond", Math.rint(messagesPerSecond()),
        "p50Micros", SummaryStatistics.rounded(p50Micros),
        "p99Micros", SummaryStatistics.rounded(p99Micros));
  }

  static Sample parse(String json) {
    return new Sample(
        (long) number(json, "messages"),
        number(json, "seconds"),
        new CpuTime(
            number(json, "server_cpu_seconds"),
            number(json, "load_cpu_seconds"),
            number(json, "machine_cpu_seconds")),
        number(json, "p50_micros"),
        number(json, "p99_micros"),
        number(json, "max_micros"));
  }

  private static double number(String json, String name) {
    Matcher matcher = Pattern.compile("\"" + name + "\":([-0-9.eE]+)").matcher(json);
    if (!matcher.find()) {
      throw new BenchmarkException("load: " + json + " (expected: a sample with " + name + ")");
    }
    return Double.parseDouble(matcher.group(1));
  }
}
