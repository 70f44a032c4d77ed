package dev.jev;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/**
 * Why a connection was closed.
 *
 * <p>If several things happened, the first one is the reason.
 *
 * @param kind what happened
 * @param cause what was thrown, for the kinds that end in {@code ERROR}; otherwise usually null
 */
public record CloseReason(Kind kind, @Nullable Throwable cause) {

  /** What ended a connection. */
  public enum Kind {
    /** The peer closed its side; everything it had sent before was delivered. */
    PEER_CLOSED,
    /**
     * {@link Connection#close}, {@link Connection#closeNow} or {@link ProtocolContext#close} was
     * called.
     */
    CLOSED,
    /** {@link Server#stop} was called, the event loops were closed, or one of them died. */
    SERVER_STOPPED,
    /** The peer broke the protocol's rules or the frame limit, or the protocol itself failed. */
    PROTOCOL_ERROR,
    /** A callback of the handler, or a task given to {@link Connection#execute}, threw. */
    HANDLER_ERROR,
    /** The network failed; a reset by the peer, for example. */
    IO_ERROR,
    /** More was waiting to be sent than {@link Server.Builder#maxPendingBytes} allows. */
    OVERFLOW,
    /** The handshake, or something else that has a deadline, took too long. */
    TIMEOUT,
    /** Nothing was received or sent for too long. */
    IDLE,
    /** The peer exceeded a limit that a plugin keeps: too many connections or messages, say. */
    LIMIT
  }

  /** Checks that {@code kind} is there. */
  public CloseReason {
    requireNonNull(kind, "kind");
  }

  /** A reason without a cause. */
  public static CloseReason of(Kind kind) {
    return new CloseReason(kind, null);
  }

  /**
   * The kind, followed by the cause if there is one: {@code IO_ERROR: Connection reset by peer}.
   */
  @Override
  public String toString() {
    if (cause == null) {
      return kind.name();
    }
    String message = cause.getMessage();
    return kind + ": " + (message == null ? cause.getClass().getName() : message);
  }
}
