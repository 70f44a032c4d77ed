package dev.jev.websocket;

/**
 * How messages are compressed: permessage-deflate (RFC 7692), if the peer agrees.
 *
 * <p>Immutable: {@link #level(int)}, {@link #minBytes(int)} and {@link #contextTakeover()} return
 * another one.
 *
 * <p><b>Memory.</b> By default each message is compressed for itself, in both directions, so the
 * connections of an event loop share what that needs, about 270 KiB to compress and 40 KiB for each
 * message that is just being received. A connection of its own has nothing.
 */
public final class WebSocketCompression {

  /**
   * Level 6, for messages of at least 128 bytes, without context takeover.
   *
   * @see WebSocketServerBuilder#compression()
   */
  public static final WebSocketCompression DEFAULT =
      new WebSocketCompression(6, 128, /* contextTakeover= */ false);

  private final int level;
  private final int minBytes;
  private final boolean contextTakeover;

  private WebSocketCompression(int level, int minBytes, boolean contextTakeover) {
    this.level = level;
    this.minBytes = minBytes;
    this.contextTakeover = contextTakeover;
  }

  /**
   * This with another level: 1, the fastest, to 9, the smallest.
   *
   * @throws IllegalArgumentException if {@code level} is not in 1..9
   */
  public WebSocketCompression level(int level) {
    if (level < 1 || level > 9) {
      throw new IllegalArgumentException("level: " + level + " (expected: 1..9)");
    }
    return new WebSocketCompression(level, minBytes, contextTakeover);
  }

  /** The level of compression. */
  public int level() {
    return level;
  }

  /**
   * This with another length, in bytes, from which on messages are compressed; shorter ones, and
   * those that would not shrink, are sent as they are.
   *
   * @throws IllegalArgumentException if {@code minBytes} is not positive
   */
  public WebSocketCompression minBytes(int minBytes) {
    return new WebSocketCompression(level, Checks.positive("minBytes", minBytes), contextTakeover);
  }

  /** The length, in bytes, from which on messages are compressed. */
  public int minBytes() {
    return minBytes;
  }

  /**
   * This with context takeover (RFC 7692, 7.1.1): a message may refer to those before it, which
   * makes series of similar ones much smaller, and costs each connection up to 270 KiB for what it
   * sends and up to 64 KiB for what it receives, as long as it lasts. The peer may do without, and
   * may ask for that.
   */
  public WebSocketCompression contextTakeover() {
    return new WebSocketCompression(level, minBytes, /* contextTakeover= */ true);
  }

  /** Whether messages may refer to those before them. */
  public boolean hasContextTakeover() {
    return contextTakeover;
  }
}
