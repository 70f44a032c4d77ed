package dev.jev.benchmarks.torturing;

import java.util.HashMap;
import java.util.Map;

/** The counters of a torture server, parsed from the {@code name=value} pairs that it prints. */
final class ServerStats {

  private final Map<String, String> values = new HashMap<>();

  ServerStats(String line) {
    for (String word : line.split(" ", -1)) {
      int equals = word.indexOf('=');
      if (equals > 0) {
        values.put(word.substring(0, equals), word.substring(equals + 1));
      }
    }
  }

  /** Returns a counter, or 0 if it is absent. */
  long get(String name) {
    return Long.parseLong(text(name));
  }

  String text(String name) {
    return values.getOrDefault(name, "0");
  }
}
