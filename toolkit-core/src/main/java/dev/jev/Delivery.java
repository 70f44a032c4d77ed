package dev.jev;

import java.util.concurrent.CompletionStage;

/**
 * The outcome of one message passed to {@link Connection#deliver}.
 *
 * @param outcome the immediate outcome: taken or refused
 * @param written a stage that completes normally when the last byte of the message has been written
 *     to the socket. It completes exceptionally when that can no longer happen: the message was
 *     refused or dropped, or the connection was closed first. It completes exactly once, usually on
 *     the connection's event loop, where its continuations run outside all callbacks and have the
 *     same rights as a callback
 */
public record Delivery(Outcome outcome, CompletionStage<Void> written) {

  /** The immediate outcome of a message. */
  public enum Outcome {
    /** Queued for the peer. */
    TAKEN,
    /** Refused: the connection is closing or closed, or its output is shut down. */
    CLOSED,
    /**
     * Refused: {@link Server.Builder#maxPendingBytes} were already pending, or the message is a
     * datagram that must not be sent, see {@link Server.Builder#listen}.
     */
    OVER_LIMIT
  }
}
