package dev.jev;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/**
 * The failure of a request: it was not sent, or it gets no answer.
 *
 * <p>It has a stack trace only if {@link Requests#askAndWait} throws it. The thread that completes
 * a stage has no part in the failure.
 */
public final class RequestException extends RuntimeException {

  private static final long serialVersionUID = 1;

  /** The kind of failure. */
  public enum Kind {
    /** The question was sent, and no answer came within the timeout. It may still take effect. */
    TIMED_OUT,
    /**
     * There is no connection, or it closed before the answer came. A question that was sent before
     * may still take effect.
     */
    CLOSED,
    /**
     * The question was not sent: too many requests are open, its id is in use, or too many bytes
     * are pending.
     */
    REFUSED
  }

  private final Kind kind;
  private final transient @Nullable CloseReason closeReason;

  private RequestException(
      Kind kind,
      String message,
      @Nullable CloseReason closeReason,
      @Nullable Throwable cause,
      boolean hasStackTrace) {
    super(message, cause, /* enableSuppression= */ true, hasStackTrace);
    this.kind = kind;
    this.closeReason = closeReason;
  }

  static RequestException of(Kind kind, String message) {
    return new RequestException(kind, message, null, null, /* hasStackTrace= */ false);
  }

  /** Returns the failure of the requests that are open when a connection closes. */
  static RequestException closed(CloseReason reason) {
    String message = "connection closed: " + reason;
    return new RequestException(Kind.CLOSED, message, reason, reason.cause(), false);
  }

  /** Returns this failure with the stack trace of the calling thread. */
  RequestException here() {
    return new RequestException(kind, requireNonNull(getMessage()), closeReason, getCause(), true);
  }

  /** Returns the kind of failure. */
  public Kind kind() {
    return kind;
  }

  /**
   * Returns the reason for which the connection closed; null if it did not, or if the question was
   * asked after the close.
   */
  public @Nullable CloseReason closeReason() {
    return closeReason;
  }
}
