package dev.jev;

import java.util.concurrent.CompletableFuture;

/**
 * The completion of a message that another thread has sent, and whose sender takes part in its
 * packing: on the event loop, in the order in which messages are packed.
 *
 * <p>It completes only if the message is not sent: a sender that waits for an answer does not ask
 * when the last byte was written.
 */
abstract class Announced extends CompletableFuture<Void> {

  /**
   * Called when the message is about to be packed; returns false to drop it instead. Must not call
   * code of the user. Event loop only.
   */
  abstract boolean packing();
}
