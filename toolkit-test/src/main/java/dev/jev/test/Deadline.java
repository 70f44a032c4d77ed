package dev.jev.test;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Runs a check on a thread of its own, and fails if it takes too long. */
final class Deadline {

  private Deadline() {}

  /**
   * Runs a check.
   *
   * @param progress describes the bytes that are being checked
   * @throws AssertionError if the check fails or does not end; the message begins with its name
   */
  static void run(String name, Duration deadline, Runnable body, Supplier<String> progress) {
    AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                body.run();
              } catch (Throwable t) {
                thrown.set(t);
              }
            },
            "contract check: " + name);
    thread.setDaemon(true);
    thread.start();
    try {
      thread.join(deadline.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (thread.isAlive()) {
      throw endless(name, deadline, thread, progress.get());
    }
    Throwable failure = thrown.get();
    if (failure != null) {
      throw new AssertionError(name + ": " + message(failure), failure);
    }
  }

  private static String message(Throwable failure) {
    String message = failure instanceof Violation ? failure.getMessage() : null;
    return message == null ? failure.toString() : message;
  }

  private static AssertionError endless(
      String name, Duration deadline, Thread thread, String progress) {
    AssertionError error =
        new AssertionError(
            name
                + ": does not end: more than "
                + deadline.toMillis()
                + " ms"
                + System.lineSeparator()
                + progress);
    error.setStackTrace(thread.getStackTrace());
    thread.interrupt();
    return error;
  }
}
