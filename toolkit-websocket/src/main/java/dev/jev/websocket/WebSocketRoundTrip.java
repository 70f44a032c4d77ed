package dev.jev.websocket;

/**
 * How long it takes from a ping to its pong: {@code
 * connection.attribute(WebSocketRoundTrip.class)}, where there is a {@linkplain
 * WebSocketServerBuilder#heartbeat heartbeat}; not there before the first pong has come, and
 * changed by each further one.
 *
 * <p><b>Threads.</b> Any.
 */
public final class WebSocketRoundTrip {

  // Volatile: read by any thread, set by the event loop.
  private volatile long last;
  private volatile long smoothed;

  WebSocketRoundTrip(long nanos) {
    last = nanos;
    smoothed = nanos;
  }

  /** Called per pong: must not allocate. */
  void add(long nanos) {
    long before = smoothed;
    last = nanos;
    smoothed = before + (nanos - before) / 8;
  }

  /** The last time, in nanoseconds. */
  public long lastNanos() {
    return last;
  }

  /**
   * The mean of all so far, in nanoseconds, in which the last one counts an eighth, as in RFC 6298,
   * 2.
   */
  public long smoothedNanos() {
    return smoothed;
  }

  @Override
  public String toString() {
    return "WebSocketRoundTrip[last " + last + " ns, smoothed " + smoothed + " ns]";
  }
}
