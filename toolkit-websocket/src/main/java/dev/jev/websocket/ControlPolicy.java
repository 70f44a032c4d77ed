package dev.jev.websocket;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * What the connections of one builder have in common about control frames.
 *
 * @param pingNanos how often to ping; 0 for never
 * @param pongNanos how long to wait for an answer
 * @param delivered whether a handler sees pings and pongs
 * @param stopCode the close code when the server stops
 */
record ControlPolicy(long pingNanos, long pongNanos, boolean delivered, int stopCode) {

  private static final Duration MIN = Duration.ofMillis(10);
  private static final Duration MAX = Duration.ofDays(1);

  static final ControlPolicy CLIENT =
      new ControlPolicy(0, 0, /* delivered= */ false, CloseCode.GOING_AWAY);
  static final ControlPolicy SERVER =
      CLIENT.heartbeat(Duration.ofSeconds(25), Duration.ofSeconds(10));

  ControlPolicy heartbeat(Duration ping, Duration pong) {
    long pingNanos = check("ping", ping).toNanos();
    long pongNanos = check("pong", pong).toNanos();
    return new ControlPolicy(pingNanos, pongNanos, delivered, stopCode);
  }

  ControlPolicy withoutHeartbeat() {
    return new ControlPolicy(0, 0, delivered, stopCode);
  }

  ControlPolicy delivering() {
    return new ControlPolicy(pingNanos, pongNanos, /* delivered= */ true, stopCode);
  }

  ControlPolicy stopCode(int code) {
    return new ControlPolicy(pingNanos, pongNanos, delivered, code);
  }

  boolean hasHeartbeat() {
    return pingNanos > 0;
  }

  /** The longest time from one look at a connection to the next. */
  Duration span() {
    return Duration.ofNanos(Math.max(longest(), pongNanos));
  }

  /** How long until the next ping: so many connections do not all send theirs at the same time. */
  long nextPingNanos() {
    return ThreadLocalRandom.current().nextLong(pingNanos - pingNanos / 5, longest() + 1);
  }

  private long longest() {
    return pingNanos + pingNanos / 5;
  }

  private static Duration check(String name, Duration value) {
    if (value.compareTo(MIN) < 0 || value.compareTo(MAX) > 0) {
      throw new IllegalArgumentException(
          name + ": " + value + " (expected: " + MIN + ".." + MAX + ")");
    }
    return value;
  }
}
