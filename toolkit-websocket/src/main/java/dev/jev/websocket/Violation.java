package dev.jev.websocket;

/** A fault of the peer, with the close code that names it; costs no stack trace. */
final class Violation extends RuntimeException {

  private static final long serialVersionUID = 1L;

  // RFC 6455, 7.4.1.
  static final int PROTOCOL_ERROR = 1002;
  static final int INVALID_PAYLOAD = 1007;
  static final int POLICY = 1008;
  static final int TOO_BIG = 1009;

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
