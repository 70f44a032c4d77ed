package dev.jev.websocket;

import static java.util.Objects.requireNonNull;

/** Thrown to refuse a request with a response. Has no stack trace. */
final class Refusal extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final transient HttpResponse response;

  /**
   * Creates a refusal whose response has the description as its text.
   *
   * @param description the fault, such as {@code header Sec-WebSocket-Version: 8 (expected: 13)}
   */
  Refusal(int status, String description) {
    this(HttpResponse.of(status).text(description + "\n"), description);
  }

  Refusal(HttpResponse response, String description) {
    super(description, null, false, false);
    this.response = response;
  }

  HttpResponse response() {
    return response;
  }

  /** Returns the fault for the log and the close reason. */
  String description() {
    return requireNonNull(getMessage());
  }

  /** Returns a refusal with 400 Bad Request (RFC 9110, 15.5.1). */
  static Refusal bad(String description) {
    return new Refusal(400, description);
  }

  /** Returns a value of the peer in a form that is safe to print: short and ASCII. */
  static String shown(String value) {
    String start = value.length() > 32 ? value.substring(0, 32) + "..." : value;
    return start.chars().allMatch(c -> c >= 0x20 && c < 0x7f) ? start : "not ASCII";
  }
}
