package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

/** A request that is not granted, and what is answered; costs no stack trace. */
final class Refusal extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final transient HttpResponse response;

  /**
   * One that is answered with the offence as its text.
   *
   * @param offence as in {@code header Sec-WebSocket-Version: 8 (expected: 13)}
   */
  Refusal(int status, String offence) {
    this(HttpResponse.of(status).text(offence + "\n"), offence);
  }

  Refusal(HttpResponse response, String offence) {
    super(offence, null, false, false);
    this.response = response;
  }

  HttpResponse response() {
    return response;
  }

  String offence() {
    return requireNonNull(getMessage());
  }

  /** A bad request (RFC 9110, 15.5.1). */
  static Refusal bad(String offence) {
    return new Refusal(400, offence);
  }

  /** A value of the peer's, fit to be shown. */
  static String shown(String value) {
    String start = value.length() > 32 ? value.substring(0, 32) + "..." : value;
    return start.chars().allMatch(c -> c >= 0x20 && c < 0x7f) ? start : "not ASCII";
  }
}
