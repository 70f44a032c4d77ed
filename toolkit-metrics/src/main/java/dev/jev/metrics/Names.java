package dev.jev.metrics;

import dev.jev.CloseReason;
import java.util.Locale;

/** Values of tags, of which there is a fixed number. */
final class Names {

  private Names() {}

  static String of(CloseReason.Kind reason) {
    return reason.name().toLowerCase(Locale.ROOT);
  }

  /**
   * Returns the name of a status code of HTTP: the code itself if a WebSocket's handshake or a
   * refusal is likely to have it, else its class, such as {@code 3xx}. A peer chooses the others.
   */
  static String status(int status) {
    boolean usual =
        status == 101 || (status >= 400 && status <= 431) || (status >= 500 && status <= 511);
    return usual ? Integer.toString(status) : status / 100 + "xx";
  }

  /**
   * Returns the name of a WebSocket close code: the code itself if it is registered (RFC 6455,
   * 7.4), else its range, such as {@code 4xxx}, since a peer may choose any in it.
   */
  static String closeCode(int code) {
    return code <= 1015 ? Integer.toString(code) : code / 1000 + "xxx";
  }
}
