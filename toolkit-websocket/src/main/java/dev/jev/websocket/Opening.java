package dev.jev.websocket;

import dev.jev.CloseReason;
import dev.jev.ProtocolContext;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * The handshake of one connection (RFC 6455, 4), on one side.
 *
 * <p>Event loop only.
 */
interface Opening {

  /**
   * Begins; a client sends its request.
   *
   * @param opened to be run when the handshake is over and all that it had to write is written,
   *     during one of the calls here or later
   */
  void begin(ProtocolContext context, Runnable opened);

  /**
   * Takes what has arrived. What stands behind the handshake stays unread.
   *
   * @throws dev.jev.ProtocolException if there will be no WebSocket
   */
  void read(ProtocolContext context, ByteBuf in);

  /** What was agreed on about compression, when the handshake is over; null if there is none. */
  default @Nullable PermessageDeflate compression() {
    return null;
  }

  /** The connection closes before the handshake is over. */
  default void close(ProtocolContext context, CloseReason reason) {}
}
