package dev.jev.benchmarks.torturing;

import java.util.HashMap;
import java.util.Map;

/** What a torture server counts, as it prints it: {@code name=value} again and again. */
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

  /** A number; 0 if nothing was counted. */
  long get(String name) {
    return Long.parseLong(text(name));
  }

  String text(String name) {
    return values.getOrDefault(name, "0");
  }
}
