package dev.jev;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/**
 * The reason why a connection was closed.
 *
 * <p>If there are several reasons, the first one is kept.
 *
 * @param kind the kind of event that ended the connection
 * @param cause the exception, for the kinds that end in {@code ERROR} and for a frame that took too
 *     long; otherwise usually null
 */
public record CloseReason(Kind kind, @Nullable Throwable cause) {

  /** The kind of event that ended a connection. */
  public enum Kind {
    /** The peer closed its side. Everything it had sent before was delivered. */
    PEER_CLOSED,
    /**
     * {@link Connection#close}, {@link Connection#closeNow} or {@link ProtocolContext#close} was
     * called.
     */
    CLOSED,
    /** {@link Server#stop} was called, the event loops were closed, or one of them died. */
    SERVER_STOPPED,
    /** The peer violated the protocol's rules or the frame limit, or the protocol itself failed. */
    PROTOCOL_ERROR,
    /**
     * A callback of the handler, a task given to {@link Connection#execute}, or another function of
     * the application threw.
     */
    HANDLER_ERROR,
    /** The network failed, for example by a reset from the peer. */
    IO_ERROR,
    /**
     * The pending output reached {@link Server.Builder#maxPendingBytes}, or a limit of {@link
     * SlowConsumer#close}.
     */
    OVERFLOW,
    /** The handshake, an inbound frame, or another operation with a timeout, took too long. */
    TIMEOUT,
    /** The connection was idle for too long: nothing was received or sent. */
    IDLE,
    /** The peer exceeded a limit of a plugin, for example on connections or messages. */
    LIMIT
  }

  /** Creates a reason with a kind and, optionally, a cause. */
  public CloseReason {
    requireNonNull(kind, "kind");
  }

  /** Returns a reason without a cause. */
  public static CloseReason of(Kind kind) {
    return new CloseReason(kind, null);
  }

  /**
   * Returns the kind, followed by the cause if there is one, with its class: {@code HANDLER_ERROR:
   * java.lang.IllegalStateException: boom}. The class of a {@link ProtocolException} is left out.
   */
  @Override
  public String toString() {
    if (cause == null) {
      return kind.name();
    }
    return kind + ": " + (cause instanceof ProtocolException ? cause.getMessage() : cause);
  }
}
