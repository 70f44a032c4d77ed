package dev.jev.redis;

import dev.jev.redis.RedisError.EngineException;
import java.time.Duration;

/**
 * The replicas that confirm a publication before it counts as stored.
 *
 * @param replicas their number; 0 for none
 * @param timeout the time in which they confirm
 */
record Replication(int replicas, Duration timeout) {

  static final Replication NONE = new Replication(0, Duration.ZERO);

  EngineException missed(long confirmed) {
    return new EngineException(
        "replicas that have confirmed within "
            + timeout
            + ": "
            + confirmed
            + " (expected: "
            + replicas
            + ")",
        null);
  }
}
