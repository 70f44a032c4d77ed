package dev.jev.websocket;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The control frame options of a builder, shared by its connections.
 *
 * @param pingNanos the mean time between two pings, in nanoseconds; 0 for no heartbeat
 * @param pongNanos the time to wait for a sign of life after a ping, in nanoseconds
 * @param delivered true if the handler gets pings and pongs
 * @param stopCode the close code to send when the server stops
 * @param stopText creates the text that is sent before it, or null; null for none
 */
record ControlPolicy(
    long pingNanos,
    long pongNanos,
    boolean delivered,
    int stopCode,
    @Nullable Function<WebSocketHandshake, @Nullable String> stopText) {

  private static final Duration MIN = Duration.ofMillis(10);
  private static final Duration MAX = Duration.ofDays(1);

  static final ControlPolicy CLIENT =
      new ControlPolicy(0, 0, /* delivered= */ false, CloseCode.GOING_AWAY, /* stopText= */ null);
  static final ControlPolicy SERVER =
      CLIENT.heartbeat(Duration.ofSeconds(25), Duration.ofSeconds(10));

  ControlPolicy heartbeat(Duration ping, Duration pong) {
    long pingNanos = check("ping", ping).toNanos();
    long pongNanos = check("pong", pong).toNanos();
    return new ControlPolicy(pingNanos, pongNanos, delivered, stopCode, stopText);
  }

  ControlPolicy withoutHeartbeat() {
    return new ControlPolicy(0, 0, delivered, stopCode, stopText);
  }

  ControlPolicy delivering() {
    return new ControlPolicy(pingNanos, pongNanos, /* delivered= */ true, stopCode, stopText);
  }

  /** Returns the policy of a tunnel, which has no other messages than the bytes in it. */
  ControlPolicy withoutMessages() {
    return new ControlPolicy(
        pingNanos, pongNanos, /* delivered= */ false, stopCode, /* stopText= */ null);
  }

  ControlPolicy stopCode(int code) {
    return new ControlPolicy(pingNanos, pongNanos, delivered, code, stopText);
  }

  ControlPolicy stopText(Function<WebSocketHandshake, @Nullable String> text) {
    return new ControlPolicy(pingNanos, pongNanos, delivered, stopCode, text);
  }

  boolean hasHeartbeat() {
    return pingNanos > 0;
  }

  /** Returns the longest delay that the heartbeat schedules. */
  Duration maxDelay() {
    return Duration.ofNanos(Math.max(maxPingNanos(), pongNanos));
  }

  /** Returns the time until the next ping; random, so that connections do not ping in step. */
  long nextPingNanos() {
    return ThreadLocalRandom.current().nextLong(pingNanos - pingNanos / 5, maxPingNanos() + 1);
  }

  private long maxPingNanos() {
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
