package dev.jev;

import io.netty.buffer.ByteBuf;

/**
 * A protocol's own line to its peer, for bytes that no handler sent: the reply to a handshake, a
 * pong, a farewell.
 *
 * <p><b>Threads.</b> To be called on the connection's event loop, except {@link #ready}, which may
 * be called from any thread.
 */
public interface Wire {

  /**
   * Says that messages may flow: {@link Handler#onConnect} is called, as soon as the protocol's
   * current call has returned.
   *
   * <p>Bytes that have arrived meanwhile are unpacked then. Calling it again has no effect.
   */
  void ready();

  /**
   * Whether {@link #ready} has taken effect: what a protocol asks whose handshake another thread
   * finishes. Changes on the event loop, never during a call of the protocol.
   */
  boolean isReady();

  /**
   * Writes bytes to the peer, behind everything that was sent before.
   *
   * <p><b>Ownership.</b> {@code bytes} is consumed on every path; after the connection's close it
   * is dropped.
   */
  void write(ByteBuf bytes);

  /**
   * Closes the connection after everything written so far, with the reason {@link
   * CloseReason.Kind#CLOSED}.
   */
  void close();

  /**
   * The longest frame, in bytes with its header, that the server accepts: {@link
   * Server.Builder#maxFrameBytes}.
   */
  int maxFrameBytes();
}
