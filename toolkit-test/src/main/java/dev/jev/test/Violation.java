package dev.jev.test;

/** A fault of a protocol; the check that finds it adds the bytes to the message. */
final class Violation extends AssertionError {

  private static final long serialVersionUID = 1L;

  Violation(String message) {
    super(message);
  }

  Violation(String message, Throwable cause) {
    super(message, cause);
  }
}
