package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

/** A fault of the peer, with the {@link CloseCode} to send. Has no stack trace. */
final class Violation extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final int code;

  Violation(int code, String description) {
    super(description, null, false, false);
    this.code = code;
  }

  int code() {
    return code;
  }

  /** Returns the fault for the log and the close frame: at most 123 bytes of ASCII. */
  String description() {
    return requireNonNull(getMessage());
  }
}
