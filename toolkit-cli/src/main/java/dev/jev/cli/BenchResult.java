package dev.jev.cli;

import java.util.Locale;
import org.HdrHistogram.Histogram;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The result of a benchmark.
 *
 * @param seconds the measured time
 * @param messages the number of answers within the measured time
 * @param errors messages that could not be sent, were answered by an error, or had no answer at the
 *     end, or when their connection was closed; at least one for each connection that was closed
 * @param latencies of the messages that were due within the measured time, or open during all of
 *     it, in nanoseconds
 */
record BenchResult(double seconds, long messages, long errors, Histogram latencies) {

  private double perSecond() {
    return messages / seconds;
  }

  private double micros(double percentile) {
    return latencies.getValueAtPercentile(percentile) / 1e3;
  }

  String toJson() {
    ObjectNode result = JsonMapper.shared().createObjectNode();
    result.put("messages", messages);
    result.put("seconds", seconds);
    result.put("messagesPerSecond", perSecond());
    result.put("errors", errors);
    result
        .putObject("latencyMicros")
        .put("p50", micros(50))
        .put("p90", micros(90))
        .put("p99", micros(99))
        .put("max", latencies.getMaxValue() / 1e3);
    return result.toString();
  }

  String toText() {
    return String.format(
        Locale.ROOT,
        "%,d messages in %.1f s: %,.0f per second, %d errors%n"
            + "latency: p50 %.3f ms, p90 %.3f ms, p99 %.3f ms, max %.3f ms",
        messages,
        seconds,
        perSecond(),
        errors,
        micros(50) / 1e3,
        micros(90) / 1e3,
        micros(99) / 1e3,
        latencies.getMaxValue() / 1e6);
  }
}
