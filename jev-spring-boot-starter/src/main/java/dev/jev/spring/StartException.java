package dev.jev.spring;

import org.jspecify.annotations.Nullable;

/** The failed start of a server or client. */
final class StartException extends RuntimeException {

  private static final long serialVersionUID = 1;

  private final String action;

  /**
   * Creates an exception.
   *
   * @param endpoint the server or client, such as {@code server echo}
   * @param reason what is wrong
   * @param action what to do
   */
  StartException(String endpoint, String reason, String action, @Nullable Throwable cause) {
    super(endpoint + " cannot start: " + reason, cause);
    this.action = action;
  }

  /** Returns what to do. */
  String action() {
    return action;
  }
}
