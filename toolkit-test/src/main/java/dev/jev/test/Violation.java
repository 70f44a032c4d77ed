package dev.jev.test;

/** What a protocol did wrong, in words; the check adds the bytes with which it did so. */
final class Violation extends AssertionError {

  private static final long serialVersionUID = 1L;

  Violation(String message) {
    super(message);
  }

  Violation(String message, Throwable cause) {
    super(message, cause);
  }
}
