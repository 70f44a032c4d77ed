package dev.jev.websocket;

/** A fault of the peer, with the close code that names it; costs no stack trace. */
final class Violation extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final int code;
  private final String offence;

  Violation(int code, String offence) {
    super(offence, null, false, false);
    this.code = code;
    this.offence = offence;
  }

  String offence() {
    return offence;
  }

  int code() {
    return code;
  }
}
