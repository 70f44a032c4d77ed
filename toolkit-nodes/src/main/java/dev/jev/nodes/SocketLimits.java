package dev.jev.nodes;

import java.time.Duration;

/**
 * The limits of one connection of a {@link TopicSocket}. Immutable.
 *
 * @param maxPendingCommands the maximum number of commands under way
 * @param publishBurst the number of messages that may be published at once
 */
record SocketLimits(
    int maxTopics,
    int maxPendingCommands,
    int maxTextBytes,
    int publishesPerSecond,
    int publishBurst,
    Duration gateTimeout) {

  /** Maximum size of the messages under way, in bytes. */
  static final long MAX_PENDING_BYTES = 256 * 1024;

  static final SocketLimits DEFAULT =
      new SocketLimits(100, 64, 64 * 1024, 100, 200, Duration.ofSeconds(10));

  private static final int MIN_SUBSCRIPTIONS_PER_SECOND = 100;
  private static final int MAX_COUNT = 100_000;
  private static final int MAX_RATE = 1_000_000;

  /** Returns the number of subscriptions per second; twice as many may come at once. */
  int subscriptionsPerSecond() {
    return Math.max(maxTopics, MIN_SUBSCRIPTIONS_PER_SECOND);
  }

  SocketLimits maxTopics(int topics) {
    Checks.inRange("maxTopics", topics, 1, MAX_COUNT);
    return new SocketLimits(
        topics, maxPendingCommands, maxTextBytes, publishesPerSecond, publishBurst, gateTimeout);
  }

  SocketLimits maxPendingCommands(int commands) {
    Checks.inRange("maxPendingCommands", commands, 1, MAX_COUNT);
    return new SocketLimits(
        maxTopics, commands, maxTextBytes, publishesPerSecond, publishBurst, gateTimeout);
  }

  SocketLimits maxTextBytes(int bytes) {
    Checks.inRange("maxTextBytes", bytes, 1024, 1 << 30);
    return new SocketLimits(
        maxTopics, maxPendingCommands, bytes, publishesPerSecond, publishBurst, gateTimeout);
  }

  SocketLimits publishRate(int perSecond, int burst) {
    Checks.inRange("perSecond", perSecond, 1, MAX_RATE);
    Checks.inRange("burst", burst, 1, MAX_RATE);
    return new SocketLimits(
        maxTopics, maxPendingCommands, maxTextBytes, perSecond, burst, gateTimeout);
  }

  SocketLimits gateTimeout(Duration timeout) {
    Checks.duration("gateTimeout", timeout, Duration.ofMillis(10));
    return new SocketLimits(
        maxTopics, maxPendingCommands, maxTextBytes, publishesPerSecond, publishBurst, timeout);
  }
}
