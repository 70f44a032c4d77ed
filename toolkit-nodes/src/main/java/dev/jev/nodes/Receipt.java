package dev.jev.nodes;

import org.jspecify.annotations.Nullable;

/**
 * The outcome of a publication.
 *
 * @param position the position behind the message, if it is stored
 */
public record Receipt(Outcome outcome, @Nullable Position position) {

  static final Receipt SENT = new Receipt(Outcome.SENT, null);
  static final Receipt LOCAL_ONLY = new Receipt(Outcome.LOCAL_ONLY, null);
  static final Receipt REFUSED = new Receipt(Outcome.REFUSED, null);
  static final Receipt UNKNOWN = new Receipt(Outcome.UNKNOWN, null);

  /** Outcomes of a publication. */
  public enum Outcome {
    /** The engine has stored it: subscribers get it, unless a gap is told. */
    STORED,
    /** The engine has taken an event. It is not stored. */
    SENT,
    /**
     * Subscribers on this node have got the event. The engine could not be reached, did not answer,
     * or too much was waiting: others may not get it.
     */
    LOCAL_ONLY,
    /**
     * No subscriber has got it or will: the engine cannot be reached or has refused it, too much is
     * waiting for the engine, the message is too large, or the node is stopping.
     */
    REFUSED,
    /** The engine has not answered in time: it is delivered once or never, and never twice. */
    UNKNOWN
  }
}
