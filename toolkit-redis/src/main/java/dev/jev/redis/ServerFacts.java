package dev.jev.redis;

import java.util.HashMap;
import java.util.Map;

/**
 * A server, as its {@code INFO} describes it.
 *
 * @param process the random id of its process
 */
record ServerFacts(
    String process, String version, boolean isMaster, boolean isCluster, String eviction) {

  static final int MIN_VERSION = 7;

  static ServerFacts parse(String info) {
    Map<String, String> lines = new HashMap<>();
    info.lines()
        .filter(line -> line.indexOf(':') > 0)
        .forEach(
            line -> {
              int colon = line.indexOf(':');
              lines.put(line.substring(0, colon), line.substring(colon + 1).strip());
            });
    return new ServerFacts(
        lines.getOrDefault("run_id", ""),
        lines.getOrDefault("redis_version", ""),
        lines.getOrDefault("role", "").equals("master"),
        lines.getOrDefault("cluster_enabled", "").equals("1"),
        lines.getOrDefault("maxmemory_policy", ""));
  }

  /** Returns the mark of this process in the ids of records. */
  String epoch() {
    return process.substring(0, Math.min(8, process.length()));
  }

  /** Returns whether scripts, streams and sharded channels are as this engine needs them. */
  boolean isRecent() {
    String major = version.split("\\.", 2)[0];
    return major.matches("\\d{1,4}") && Integer.parseInt(major) >= MIN_VERSION;
  }
}
