package dev.jev;

import dev.jev.Delivery.Outcome;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** The output of a connection, as a client's outbox sees it. */
interface MessageSink<O> {

  /** Sends a message; does not consume it if the outcome is {@link Outcome#CLOSED}. */
  Outcome offer(O message, @Nullable CompletableFuture<Void> written);

  /** Returns whether queued messages may be sent; if not, the outbox is notified when they may. */
  boolean isDrainable();

  /** Returns whether the pending bytes are below the limit, so that a message is accepted. */
  boolean isBelowLimit();

  void onLoopLater(Runnable action);

  /** Reports that a queued message cannot be packed, and fails its future. */
  void packingFailed(@Nullable CompletableFuture<Void> written, Throwable cause);
}
