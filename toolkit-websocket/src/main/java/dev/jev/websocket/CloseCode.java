package dev.jev.websocket;

/**
 * Close codes (RFC 6455, 7.4.1, and IANA's registry for RFC 6455).
 *
 * <p>The codes in 1004..1006 and 1015 are reserved and must not stand in a close frame. Those in
 * 1016..2999 belong to the standard and its extensions and have no meaning yet.
 */
final class CloseCode {

  static final int NORMAL = 1000;
  static final int GOING_AWAY = 1001;
  static final int PROTOCOL_ERROR = 1002;
  static final int INVALID_PAYLOAD = 1007;
  static final int POLICY_VIOLATION = 1008;
  static final int TOO_BIG = 1009;
  static final int INTERNAL_ERROR = 1011;
  static final int TRY_AGAIN_LATER = 1013;

  /** RFC 6455, 7.1.5: the peer's close frame had no code. Cannot be sent. */
  static final int NO_CODE = 1005;

  private CloseCode() {}

  /** Returns whether a close frame may carry {@code code}. */
  static boolean isSendable(int code) {
    return (code >= 1000 && code <= 1003)
        || (code >= 1007 && code <= 1014)
        || (code >= 3000 && code <= 4999);
  }

  /**
   * Returns {@code code} if a close frame may carry it.
   *
   * @throws IllegalArgumentException if not
   */
  static int check(String name, int code) {
    if (!isSendable(code)) {
      throw new IllegalArgumentException(unsendable(name, code));
    }
    return code;
  }

  /** Returns the message about a code that no close frame may carry. */
  static String unsendable(String name, int code) {
    return name + ": " + code + " (expected: 1000..1003, 1007..1014 or 3000..4999)";
  }
}
