package dev.jev.websocket;

/** Checks of configuration values, with uniform messages. */
final class Checks {

  private static final int MAX = 1 << 30;

  private Checks() {}

  /** Returns {@code value} if it is in 1..2^30. */
  static int positive(String name, int value) {
    if (value < 1 || value > MAX) {
      throw new IllegalArgumentException(name + ": " + value + " (expected: 1.." + MAX + ")");
    }
    return value;
  }

  /** Returns {@code path} as clients send it if it is absolute, without query and fragment. */
  static String path(String path) {
    if (!path.startsWith("/") || path.contains("?") || path.contains("#")) {
      throw new IllegalArgumentException("path: " + path + " (expected: /..., without ? and #)");
    }
    return StrictText.percentEncoded("path", path);
  }

  /** Returns {@code subprotocol} if it is a token (RFC 6455, 11.3.4). */
  static String subprotocol(String subprotocol) {
    if (!Tokens.isToken(subprotocol)) {
      throw new IllegalArgumentException("subprotocol: " + subprotocol + " (expected: a token)");
    }
    return subprotocol;
  }
}
