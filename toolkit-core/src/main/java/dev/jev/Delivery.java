package dev.jev;

import java.util.concurrent.CompletionStage;

/**
 * What became of one message given to {@link Connection#deliver}.
 *
 * @param outcome whether it was taken, known at once
 * @param written completes normally when the last byte of the message has been written to the
 *     socket, and exceptionally when that can no longer happen: refused, dropped, or the connection
 *     was closed before. Completes exactly once; normally on the connection's event loop
 */
public record Delivery(Outcome outcome, CompletionStage<Void> written) {

  /** Whether a message was taken. */
  public enum Outcome {
    /** Queued for the peer. */
    TAKEN,
    /** Refused: the connection is closing or closed, or its output is shut down. */
    CLOSED,
    /**
     * Refused: {@link Server.Builder#maxPendingBytes} were already waiting for the peer; or it
     * would be a datagram that must not be sent, see {@link Server.Builder#listen}.
     */
    OVER_LIMIT
  }
}
