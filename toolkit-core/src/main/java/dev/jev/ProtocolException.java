package dev.jev;

/**
 * Says that a peer broke the rules of its protocol; closes the connection with {@link
 * CloseReason.Kind#PROTOCOL_ERROR}.
 *
 * <p>The message follows the pattern {@code subject: actual (expected: constraint)}, for example
 * {@code frame: 1048577 bytes (expected: <= 1048576)}. It has no stack trace, so that a peer cannot
 * make the server spend its time on one.
 */
public final class ProtocolException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** Creates one with a message that names the offence. */
  public ProtocolException(String message) {
    super(message, null, false, false);
  }

  /** Creates one with a message that names the offence, and what was thrown when it was found. */
  public ProtocolException(String message, Throwable cause) {
    super(message, cause, false, false);
  }
}
