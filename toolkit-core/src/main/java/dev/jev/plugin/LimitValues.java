package dev.jev.plugin;

import dev.jev.Connection;
import dev.jev.plugin.Limits.ConnectionLimitAction;
import dev.jev.plugin.Limits.RateLimitAction;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The values of {@link Limits} at one time.
 *
 * @param connections the maximum number of connections per subnet of each size
 * @param keyed the limits of connections per key, by the functions that return the keys
 * @param acceptRate null: off
 * @param messageRate null: off
 * @param byteRate null: off
 * @param firstMessageTimeout zero: off
 * @param writeStallTimeout zero: off
 * @param bufferBudget 0: off
 */
record LimitValues(
    Map<Prefixes, Integer> connections,
    Map<Function<? super Connection<?>, ?>, PerKey> keyed,
    @Nullable TokenBucket acceptRate,
    @Nullable TokenBucket messageRate,
    @Nullable TokenBucket byteRate,
    RateLimitAction onRateExceeded,
    Duration firstMessageTimeout,
    Duration writeStallTimeout,
    long bufferBudget) {

  /** The size of a subnet: the number of leading bits that its addresses have in common. */
  record Prefixes(int prefix4, int prefix6) {}

  /** The maximum number of connections per key, and what happens to more. */
  record PerKey(int max, ConnectionLimitAction action) {}

  static final LimitValues OFF =
      new LimitValues(
          Map.of(),
          Map.of(),
          null,
          null,
          null,
          RateLimitAction.DELAY,
          Duration.ZERO,
          Duration.ZERO,
          0);

  LimitValues {
    connections = Collections.unmodifiableMap(new LinkedHashMap<>(connections));
    keyed = Collections.unmodifiableMap(new LinkedHashMap<>(keyed));
  }
}
