package dev.jev.websocket;

import java.time.Duration;

/**
 * Observes what is particular to WebSocket in the life of one connection, for metrics for example.
 *
 * <p>It is an {@linkplain dev.jev.Connection#attribute(Class, Object) attribute} under this type,
 * which a plugin stores in its {@link dev.jev.Plugin#install}. All methods have defaults that do
 * nothing.
 *
 * <p><b>Threads.</b> Called on the connection's event loop; must not block. {@link #deflated} and
 * {@link #inflated} are called per message and should not allocate.
 *
 * <p><b>Errors.</b> An exception closes the connection, with {@link
 * dev.jev.CloseReason.Kind#PROTOCOL_ERROR}. One from {@link #deflated} counts as a failure to pack
 * the message.
 */
public interface WebSocketObserver {

  /** The observer of connections without one, which does nothing. */
  WebSocketObserver NONE = new WebSocketObserver() {};

  /**
   * Called when the opening handshake is answered. A server calls it for each upgrade request, and
   * for each request that it refuses; a client for each final response.
   *
   * @param status the status code of the response, 101 if it is accepted
   */
  default void answered(int status) {}

  /** Called when the answer to a ping of the heartbeat arrives, see {@link WebSocketRoundTrip}. */
  default void roundTrip(Duration time) {}

  /**
   * Called when a message, or a part of one, has been compressed. A message that is published to
   * several connections is compressed once.
   *
   * @param bytes its length
   * @param compressed the length of the compressed bytes
   */
  default void deflated(int bytes, int compressed) {}

  /**
   * Called when a message, or a part of one, has been decompressed.
   *
   * @param compressed the number of compressed bytes
   * @param bytes the number of decompressed bytes
   */
  default void inflated(int compressed, int bytes) {}
}
