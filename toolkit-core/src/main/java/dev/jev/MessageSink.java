package dev.jev;

import dev.jev.Delivery.Outcome;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** A connection, as a client's queue of outbound messages sees it. */
interface MessageSink<O> {

  /** Sends a message, which stays the caller's if the outcome is {@link Outcome#CLOSED}. */
  Outcome offer(O message, @Nullable CompletableFuture<Void> written);

  /** Returns whether queued messages may follow; if not, the queue is told when they may again. */
  boolean isDrainable();

  /** Returns whether a message would be taken, and not be over the limit of pending bytes. */
  boolean isBelowLimit();

  void onLoopLater(Runnable action);

  /** Handles an exception of the protocol, which could not pack a message. */
  void packingFailed(Throwable cause);
}
