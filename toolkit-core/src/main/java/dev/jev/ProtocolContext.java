package dev.jev;

import io.netty.buffer.ByteBuf;
import java.net.SocketAddress;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A protocol's own line to its peer, for bytes that no handler sent: the reply to a handshake, a
 * pong, a farewell.
 *
 * <p><b>Threads.</b> To be called on the connection's event loop, except {@link #ready}, {@link
 * #runAfter} and what says so.
 */
public interface ProtocolContext {

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
  default void close() {
    close(CloseReason.of(CloseReason.Kind.CLOSED));
  }

  /**
   * Closes the connection after everything written so far, for a reason, unless a close has begun
   * already. Does nothing for datagrams.
   */
  void close(CloseReason reason);

  /**
   * Closes the connection for a reason and drops what has not been written, as {@link
   * Connection#closeNow} does: for a peer that is gone. Does nothing for datagrams.
   */
  void closeNow(CloseReason reason);

  /**
   * Runs a task on the connection's event loop once, after {@code delay}, unless the connection is
   * closed by then; also during the handshake. What it throws closes the connection with {@link
   * CloseReason.Kind#PROTOCOL_ERROR}.
   *
   * <p>For datagrams it runs unless the protocol was replaced by then, what it throws is logged,
   * and what it writes is dropped, since there is nobody to answer.
   */
  ScheduledTask runAfter(Duration delay, Runnable task);

  /**
   * What looks at the connections of the event loop after at most {@code maxDelay}: for a deadline
   * that every connection has, instead of a timer for each. Spans should be few.
   *
   * @throws IllegalArgumentException if {@code maxDelay} is not longer than zero
   */
  DeadlineWheel deadlineWheel(Duration maxDelay);

  /**
   * Since when what the peer sends is read as it comes, in nanoseconds of {@link
   * DeadlineWheel#now}; now, while somebody pauses reading or the peer does not take its output.
   * For who waits for the peer to say something.
   */
  long readingSince();

  /**
   * Stores an attribute of the connection under its type, for the handler; null removes it. See
   * {@link Connection#attribute(Class, Object)}. Does nothing for datagrams.
   */
  <T> void attribute(Class<T> type, @Nullable T value);

  /**
   * Returns the attribute of the connection stored under the given type, or null; always null for
   * datagrams. May be called from any thread. See {@link Connection#attribute(Class)}.
   */
  <T> @Nullable T attribute(Class<T> type);

  /**
   * The address of the peer, see {@link Connection#remoteAddress}; null for datagrams, of which
   * each has its own. Any thread may ask.
   */
  @Nullable SocketAddress remoteAddress();

  /**
   * The longest frame, in bytes with its header, that the server or client accepts: {@link
   * Server.Builder#maxFrameBytes}.
   */
  int maxFrameBytes();
}
