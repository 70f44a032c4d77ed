package dev.jev;

import dev.jev.Delivery.Outcome;
import io.netty.util.ReferenceCountUtil;
import java.nio.channels.ClosedChannelException;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Releases messages that are not sent, and fails their futures. */
final class Undelivered {

  private static final String OVER_LIMIT = "message dropped: over the limit of pending bytes";

  private Undelivered() {}

  /**
   * Releases a message that is refused, and fails its future at once, before its sender has it;
   * returns {@code outcome}.
   */
  static Outcome refuse(
      Object message, @Nullable CompletableFuture<Void> written, Outcome outcome) {
    ReferenceCountUtil.safeRelease(message);
    if (written != null) {
      written.completeExceptionally(failure(outcome));
    }
    return outcome;
  }

  /** Releases a message that was taken, and fails its future later on the event loop. */
  static void drop(
      Object message,
      @Nullable CompletableFuture<Void> written,
      Outcome outcome,
      Completions completions) {
    ReferenceCountUtil.safeRelease(message);
    if (written != null) {
      completions.add(written, failure(outcome));
    }
  }

  /** Returns the failure of a message on a stream. */
  static Exception failure(Outcome outcome) {
    return failure(outcome, OVER_LIMIT);
  }

  /**
   * Returns the failure of a future.
   *
   * @param overLimit the message of the exception, unless the outcome is {@code CLOSED}
   */
  static Exception failure(Outcome outcome, String overLimit) {
    return outcome == Outcome.CLOSED
        ? new ClosedChannelException()
        : new OverLimitException(overLimit);
  }

  /** A message was dropped because too many bytes are pending. */
  static final class OverLimitException extends IllegalStateException {

    private static final long serialVersionUID = 1;

    private OverLimitException(String message) {
      super(message);
    }
  }
}
