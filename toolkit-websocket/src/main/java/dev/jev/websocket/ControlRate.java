package dev.jev.websocket;

/** The rate limit of a peer's control frames: a burst of 60, then 3 per second. */
final class ControlRate {

  private static final long BURST = 60;
  private static final long NANOS_EACH = 10_000_000_000L / 30;

  // The earliest time at which the frames so far are within the limit.
  private long due = System.nanoTime() - BURST * NANOS_EACH;

  /** Counts a frame; returns whether it exceeds the limit. */
  boolean isExceeded(long now) {
    long start = now - BURST * NANOS_EACH;
    due = (due - start < 0 ? start : due) + NANOS_EACH;
    return due - now > 0;
  }
}
