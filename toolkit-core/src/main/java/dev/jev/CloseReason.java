package dev.jev;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/**
 * The reason why a connection was closed.
 *
 * <p>If there are several reasons, the first one is kept.
 *
 * @param kind the kind of event that ended the connection
 * @param text the text that the program has given with {@link Connection#close(String)}, such as
 *     {@code bad login}; otherwise null. A WebSocket sends it to the peer, so it should have
 *     nothing that is secret
 * @param cause the exception, for the kinds that end in {@code ERROR} and for a frame that took too
 *     long; otherwise usually null
 */
public record CloseReason(Kind kind, @Nullable String text, @Nullable Throwable cause) {

  /** The kind of event that ended a connection. */
  public enum Kind {
    /** The peer closed its side. Everything it had sent before was delivered. */
    PEER_CLOSED,
    /**
     * {@link Connection#close()}, {@link Connection#closeNow} or {@link ProtocolContext#close()}
     * was called.
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

  /** Creates a reason with a kind and, optionally, a text and a cause. */
  public CloseReason {
    requireNonNull(kind, "kind");
  }

  /** Creates a reason without a text, and optionally with a cause. */
  public CloseReason(Kind kind, @Nullable Throwable cause) {
    this(kind, null, cause);
  }

  /** Returns a reason without a text and a cause. */
  public static CloseReason of(Kind kind) {
    return new CloseReason(kind, null);
  }

  /** Returns a reason with a text. */
  public static CloseReason of(Kind kind, String text) {
    return new CloseReason(kind, requireNonNull(text, "text"), null);
  }

  /**
   * Returns the kind, followed by the text, if there is one, and the cause with its class: {@code
   * HANDLER_ERROR: java.lang.IllegalStateException: boom}. The class of a {@link ProtocolException}
   * is left out.
   */
  @Override
  public String toString() {
    String described = text == null ? kind.name() : kind + ": " + text;
    if (cause == null) {
      return described;
    }
    return described + ": " + (cause instanceof ProtocolException ? cause.getMessage() : cause);
  }
}
