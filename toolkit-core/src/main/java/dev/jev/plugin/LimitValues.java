package dev.jev.plugin;

import dev.jev.plugin.Limits.RateLimitAction;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The values of {@link Limits} at one time.
 *
 * @param connections the maximum number of connections per subnet of each size
 * @param acceptRate null: off
 * @param messageRate null: off
 * @param byteRate null: off
 * @param firstMessageTimeout zero: off
 * @param writeStallTimeout zero: off
 * @param bufferBudget 0: off
 */
record LimitValues(
    Map<Prefixes, Integer> connections,
    @Nullable TokenBucket acceptRate,
    @Nullable TokenBucket messageRate,
    @Nullable TokenBucket byteRate,
    RateLimitAction onRateExceeded,
    Duration firstMessageTimeout,
    Duration writeStallTimeout,
    long bufferBudget) {

  /** The size of a subnet: the number of leading bits that its addresses have in common. */
  record Prefixes(int prefix4, int prefix6) {}

  static final LimitValues OFF =
      new LimitValues(
          Map.of(), null, null, null, RateLimitAction.DELAY, Duration.ZERO, Duration.ZERO, 0);

  LimitValues {
    connections = Collections.unmodifiableMap(new LinkedHashMap<>(connections));
  }
}
