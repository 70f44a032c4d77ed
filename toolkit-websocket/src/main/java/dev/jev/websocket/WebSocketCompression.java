package dev.jev.websocket;

/**
 * Options of message compression: permessage-deflate (RFC 7692), used if the peer agrees.
 *
 * <p>Immutable: {@link #level(int)}, {@link #minBytes(int)} and {@link #contextTakeover()} return
 * changed copies.
 *
 * <p><b>Memory.</b> By default each message is compressed independently, in both directions. The
 * connections of an event loop share the memory for that: about 270 KiB to compress, and 40 KiB per
 * message that is being received. An idle connection needs no memory for compression.
 */
public final class WebSocketCompression {

  /**
   * The default: level 6, for messages of at least 128 bytes, without context takeover.
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
   * Returns a copy with another level, from 1 (fastest) to 9 (smallest).
   *
   * @throws IllegalArgumentException if {@code level} is not in 1..9
   */
  public WebSocketCompression level(int level) {
    if (level < 1 || level > 9) {
      throw new IllegalArgumentException("level: " + level + " (expected: 1..9)");
    }
    return new WebSocketCompression(level, minBytes, contextTakeover);
  }

  /** Returns the compression level, in 1..9. */
  public int level() {
    return level;
  }

  /**
   * Returns a copy with another minimum size of messages to compress, in bytes. Shorter messages,
   * and those that would not shrink, are sent uncompressed.
   *
   * @throws IllegalArgumentException if {@code minBytes} is not in 1..2^30
   */
  public WebSocketCompression minBytes(int minBytes) {
    return new WebSocketCompression(level, Checks.positive("minBytes", minBytes), contextTakeover);
  }

  /** Returns the minimum size of messages to compress, in bytes. */
  public int minBytes() {
    return minBytes;
  }

  /**
   * Returns a copy with context takeover (RFC 7692, 7.1.1): a message may refer to earlier ones,
   * which makes a series of similar messages much smaller. Each connection then needs up to 270 KiB
   * to send and up to 64 KiB to receive, as long as it is open. The peer may decline context
   * takeover for either direction.
   */
  public WebSocketCompression contextTakeover() {
    return new WebSocketCompression(level, minBytes, /* contextTakeover= */ true);
  }

  /** Returns whether messages may refer to earlier ones. */
  public boolean hasContextTakeover() {
    return contextTakeover;
  }
}
