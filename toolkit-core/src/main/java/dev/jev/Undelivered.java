package dev.jev;

import dev.jev.Delivery.Outcome;
import io.netty.util.ReferenceCountUtil;
import java.nio.channels.ClosedChannelException;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Releases messages that are not sent, and fails their futures. */
final class Undelivered {

  private Undelivered() {}

  /** Releases a message and fails its future; returns {@code outcome}. */
  static Outcome drop(Object message, @Nullable CompletableFuture<Void> written, Outcome outcome) {
    ReferenceCountUtil.safeRelease(message);
    fail(written, outcome, "message dropped: over the limit of pending bytes");
    return outcome;
  }

  /**
   * Fails the future of a message, if it has one.
   *
   * @param overLimit the message of the exception, unless the outcome is {@code CLOSED}
   */
  static void fail(@Nullable CompletableFuture<Void> written, Outcome outcome, String overLimit) {
    if (written != null) {
      written.completeExceptionally(
          outcome == Outcome.CLOSED
              ? new ClosedChannelException()
              : new IllegalStateException(overLimit));
    }
  }
}
