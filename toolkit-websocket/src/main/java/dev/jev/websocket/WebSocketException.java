package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

import dev.jev.ProtocolException;

/**
 * A fault of the peer, with the code and the reason of the close frame that it gets (RFC 6455,
 * 7.4).
 *
 * <p>Thrown by a function that converts messages, see {@link dev.jev.Protocol#map}: {@code throw
 * new WebSocketException(4001, "unknown note")}. The connection closes with {@link
 * dev.jev.CloseReason.Kind#PROTOCOL_ERROR} and this exception as the cause. It has no stack trace.
 */
public final class WebSocketException extends ProtocolException {

  private static final long serialVersionUID = 1L;

  private final int code;
  private final String reason;

  /**
   * Creates an exception.
   *
   * @param code the close code, in 1000..1003, 1007..1014 or 3000..4999
   * @param reason the reason for the peer, cut to 123 bytes of UTF-8
   * @throws IllegalArgumentException if a close frame cannot carry {@code code}
   */
  public WebSocketException(int code, String reason) {
    super(requireNonNull(reason, "reason"));
    this.code = CloseCode.check("close code", code);
    this.reason = reason;
  }

  /**
   * Creates an exception with a cause, which the peer does not see: {@link #getMessage} is the
   * reason and the cause.
   *
   * @param code the close code, in 1000..1003, 1007..1014 or 3000..4999
   * @param reason the reason for the peer, cut to 123 bytes of UTF-8
   * @throws IllegalArgumentException if a close frame cannot carry {@code code}
   */
  public WebSocketException(int code, String reason, Throwable cause) {
    super(requireNonNull(reason, "reason") + ": " + requireNonNull(cause, "cause"), cause);
    this.code = CloseCode.check("close code", code);
    this.reason = reason;
  }

  /** Returns the close code. */
  public int code() {
    return code;
  }

  /** Returns the reason for the peer. */
  public String reason() {
    return reason;
  }
}
