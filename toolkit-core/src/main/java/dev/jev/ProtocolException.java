package dev.jev;

/**
 * Signals that a peer violated the rules of its protocol. The connection closes with {@link
 * CloseReason.Kind#PROTOCOL_ERROR}.
 *
 * <p>The message follows the pattern {@code subject: actual (expected: constraint)}, for example
 * {@code frame: 1048577 bytes (expected: <= 1048576)}. The exception has no stack trace, so that a
 * peer cannot make the server spend time on collecting one.
 */
public class ProtocolException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** Creates an exception with a message that names the violation. */
  public ProtocolException(String message) {
    super(message, null, false, false);
  }

  /** Creates an exception with a message that names the violation, and the exception behind it. */
  public ProtocolException(String message, Throwable cause) {
    super(message, cause, false, false);
  }
}
