package dev.jev.test;

import java.nio.channels.ClosedChannelException;
import java.util.concurrent.CompletableFuture;

/** A message that a callback has sent, and that is written when the callback has returned. */
final class PackedMessage<O> {

  private final O message;
  private final CompletableFuture<Void> written;
  private volatile boolean lost;

  PackedMessage(O message, CompletableFuture<Void> written) {
    this.message = message;
    this.written = written;
  }

  O message() {
    return message;
  }

  /** Notes that the message is dropped before it is written. */
  void lose() {
    lost = true;
  }

  /** Completes the delivery. */
  void complete() {
    if (lost) {
      written.completeExceptionally(new ClosedChannelException());
    } else {
      written.complete(null);
    }
  }
}
