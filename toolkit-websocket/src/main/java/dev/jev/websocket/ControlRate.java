package dev.jev.websocket;

/** Lets a peer send a burst of control frames, and after it so many in a time. */
final class ControlRate {

  private static final long BURST = 60;
  private static final long NANOS_EACH = 10_000_000_000L / 30;

  private long due = System.nanoTime() - BURST * NANOS_EACH; // when the allowance is used up

  /** Counts a frame; returns whether it is one too many. */
  boolean isExceeded(long now) {
    long start = now - BURST * NANOS_EACH;
    due = (due - start < 0 ? start : due) + NANOS_EACH;
    return due - now > 0;
  }
}
