package dev.jev.websocket;

import dev.jev.CloseReason;
import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * One side of the opening handshake of a connection (RFC 6455, 4).
 *
 * <p>Event loop only.
 */
interface Opening {

  /** Returns the observer that a plugin has stored on a connection. */
  static WebSocketObserver observer(ProtocolContext context) {
    WebSocketObserver observer = context.attribute(WebSocketObserver.class);
    return observer == null ? WebSocketObserver.NONE : observer;
  }

  /**
   * Begins the handshake. A client sends its request.
   *
   * @param opened the task to run once the handshake has succeeded and its bytes are written;
   *     called from one of the methods here or later
   */
  void begin(ProtocolContext context, Runnable opened);

  /**
   * Reads the bytes of the handshake. Bytes after its end stay unread.
   *
   * @throws dev.jev.ProtocolException if the handshake has failed
   */
  void read(ProtocolContext context, ByteBuf in);

  /**
   * Returns the number of parts of a response that are still to be written. Each call of {@link
   * #read} writes one.
   */
  default int pendingParts() {
    return 0;
  }

  /** Returns the negotiated compression after the handshake, or null for no compression. */
  default @Nullable PermessageDeflate compression() {
    return null;
  }

  /**
   * Returns the number of bytes of memory that input occupies here, as in {@link
   * dev.jev.Protocol#bufferedBytes}.
   */
  default long bufferedBytes() {
    return 0;
  }

  /** Called if the connection closes before the end of the handshake. */
  default void close(ProtocolContext context, CloseReason reason) {}
}
