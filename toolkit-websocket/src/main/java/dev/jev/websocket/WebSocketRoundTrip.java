package dev.jev.websocket;

/**
 * The round-trip time of a connection, from a ping to its pong: {@code
 * connection.attribute(WebSocketRoundTrip.class)} with a {@linkplain
 * WebSocketServerBuilder#heartbeat heartbeat}. The attribute is null before the first pong, and
 * each further pong updates the same instance.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public final class WebSocketRoundTrip {

  // Volatile: read by any thread, written on the event loop.
  private volatile long last;
  private volatile long smoothed;

  WebSocketRoundTrip(long nanos) {
    last = nanos;
    smoothed = nanos;
  }

  /** Adds a round trip. Called per pong: must not allocate. */
  void add(long nanos) {
    long before = smoothed;
    last = nanos;
    smoothed = before + (nanos - before) / 8;
  }

  /** Returns the latest round-trip time, in nanoseconds. */
  public long lastNanos() {
    return last;
  }

  /**
   * Returns the smoothed round-trip time, in nanoseconds: a moving average with a weight of 1/8 for
   * the latest time (RFC 6298, 2).
   */
  public long smoothedNanos() {
    return smoothed;
  }

  @Override
  public String toString() {
    return "WebSocketRoundTrip[last " + last + " ns, smoothed " + smoothed + " ns]";
  }
}
