package dev.jev.spring;

import org.jspecify.annotations.Nullable;

/** A property of Jev with a value that cannot be used. */
final class InvalidPropertyException extends RuntimeException {

  private static final long serialVersionUID = 1;

  private final String name;
  private final @Nullable String value;
  private final String reason;

  /**
   * Creates an exception.
   *
   * @param value the value, or null if it is not to blame
   * @param reason what is wrong, with the expected values
   */
  InvalidPropertyException(
      String name, @Nullable String value, String reason, @Nullable Throwable cause) {
    super(name + (value == null ? "" : " = " + value) + ": " + reason, cause);
    this.name = name;
    this.value = value;
    this.reason = reason;
  }

  String name() {
    return name;
  }

  @Nullable String value() {
    return value;
  }

  /** Returns what is wrong, with the expected values. */
  String reason() {
    return reason;
  }
}
