package dev.jev;

import io.netty.buffer.ByteBuf;
import java.net.SocketAddress;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The operations of a protocol on its connection: write handshake bytes, close it, set timers.
 *
 * <p>A protocol writes here what no handler has sent: the reply to a handshake, a pong, a close
 * frame.
 *
 * <p><b>Threads.</b> Methods must be called on the connection's event loop, except {@link #ready},
 * {@link #runAfter} and those that say otherwise.
 */
public interface ProtocolContext {

  /**
   * Signals that the handshake is complete and messages may flow.
   *
   * <p>{@link Handler#onConnect} is called as soon as the protocol's current call has returned. The
   * bytes that have arrived in the meantime are unpacked then. Further calls have no effect.
   */
  void ready();

  /**
   * Returns whether {@link #ready} has taken effect, for a protocol whose handshake is completed by
   * another thread. Changes on the event loop, never during a call of the protocol.
   */
  boolean isReady();

  /**
   * Writes bytes to the peer, after everything that was sent before.
   *
   * <p>A frame may be written in parts. What one call of the protocol or one task writes stays
   * together: plugins, which may send, are not called before it has returned.
   *
   * <p><b>Ownership.</b> The framework takes over {@code bytes}, even if it drops them because the
   * connection is closed.
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
   * Closes the connection after everything written so far, with the given reason. Has no effect if
   * a close has already begun, or for datagrams.
   *
   * <p>A protocol that has called a function of the application reports its failure with {@link
   * CloseReason.Kind#HANDLER_ERROR}; the exception is logged, as those of a {@link Handler} are.
   */
  void close(CloseReason reason);

  /**
   * Closes the connection with the given reason and drops all output that has not been written, as
   * {@link Connection#closeNow} does. Intended for a peer that is gone. Has no effect for
   * datagrams.
   */
  void closeNow(CloseReason reason);

  /**
   * Runs a task once when the connection has closed, whatever closed it: on its event loop, after
   * {@link Handler#onClose} if that is called, and never inside a callback. If the connection has
   * closed already, the task runs soon. May be called from any thread.
   *
   * <p>A {@linkplain Connection#detach detached} connection counts as closed. If the event loop has
   * ended, the task runs in the calling thread. An {@linkplain Handler#offload offloaded} {@code
   * onClose} may still be queued then. Exceptions are logged. Has no effect for datagrams.
   */
  void onClose(Runnable task);

  /**
   * Runs a task once on the connection's event loop, after {@code delay}, unless the connection is
   * closed by then. Also available during the handshake. An exception closes the connection with
   * {@link CloseReason.Kind#PROTOCOL_ERROR}.
   *
   * <p>For datagrams, the task runs unless the protocol has been replaced by then. Exceptions are
   * logged, and what the task writes is dropped, since there is no peer to receive it.
   */
  ScheduledTask runAfter(Duration delay, Runnable task);

  /**
   * Lets the other connections of the event loop have their turn before the next message of this
   * one is unpacked. If {@code unpack} then returns null, it is called again in a later turn, as
   * after a message. Intended for a protocol in which few bytes can cause much work, such as
   * decompression. Called while unpacking; has no effect for datagrams.
   */
  default void yieldTurn() {}

  /**
   * Returns the event loop's timing wheel for delays of at most {@code maxDelay}. It serves
   * deadlines that every connection has, in place of one timer per connection. All callers with the
   * same {@code maxDelay} share one wheel, so the number of different values should be small.
   *
   * @throws IllegalArgumentException if {@code maxDelay} is not longer than zero
   */
  DeadlineWheel deadlineWheel(Duration maxDelay);

  /**
   * Returns the time since which bytes of the peer have been read without a pause, in nanoseconds
   * of {@link DeadlineWheel#now}. Returns the current time while reading is paused, or while the
   * peer does not take its output. Intended for a protocol that expects the peer to send something
   * in time.
   */
  long readingSince();

  /**
   * Stores an attribute of the connection under its type, for the handler; null removes it. See
   * {@link Connection#attribute(Class, Object)}. Has no effect for datagrams.
   */
  <T> void attribute(Class<T> type, @Nullable T value);

  /**
   * Returns the attribute of the connection stored under the given type, or null; always null for
   * datagrams. May be called from any thread. See {@link Connection#attribute(Class)}.
   */
  <T> @Nullable T attribute(Class<T> type);

  /**
   * Returns the address of the peer, see {@link Connection#remoteAddress}; null for datagrams,
   * since each has a source address of its own. May be called from any thread.
   */
  @Nullable SocketAddress remoteAddress();

  /**
   * Returns the server or client of the connection; null without a network, as in a test. May be
   * called from any thread.
   */
  default @Nullable PluginHost host() {
    return null;
  }

  /**
   * Returns the maximum length of a frame, in bytes with its header, that the server or client
   * accepts: {@link Server.Builder#maxFrameBytes}.
   */
  int maxFrameBytes();
}
