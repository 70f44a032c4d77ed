package dev.jev.websocket;

/**
 * Close codes (RFC 6455, 7.4.1, and IANA's registry for RFC 6455).
 *
 * <p>The codes 1004 to 1006 and 1015 are reserved and must not occur in a close frame. Those from
 * 1016 to 2999 have no meaning yet.
 */
final class CloseCode {

  static final int NORMAL = 1000;
  static final int GOING_AWAY = 1001;
  static final int PROTOCOL_ERROR = 1002;
  static final int UNSUPPORTED_DATA = 1003;
  static final int INVALID_PAYLOAD = 1007;
  static final int POLICY_VIOLATION = 1008;
  static final int TOO_BIG = 1009;
  static final int INTERNAL_ERROR = 1011;
  static final int TRY_AGAIN_LATER = 1013;

  /** RFC 6455, 7.1.5: the code of a received close frame that has none. Cannot be sent. */
  static final int NO_CODE = 1005;

  private CloseCode() {}

  /** Returns whether a close frame may carry {@code code} (RFC 6455, 7.4.2). */
  static boolean isSendable(int code) {
    return (code >= 1000 && code <= 1003)
        || (code >= 1007 && code <= 1014)
        || (code >= 3000 && code <= 4999);
  }

  /**
   * Returns {@code code} if a close frame may carry it.
   *
   * @throws IllegalArgumentException if it is not {@linkplain #isSendable sendable}
   */
  static int check(String name, int code) {
    if (!isSendable(code)) {
      throw new IllegalArgumentException(unsendable(name, code));
    }
    return code;
  }

  /** Returns the message about a code that is not {@linkplain #isSendable sendable}. */
  static String unsendable(String name, int code) {
    return name + ": " + code + " (expected: 1000..1003, 1007..1014 or 3000..4999)";
  }
}
