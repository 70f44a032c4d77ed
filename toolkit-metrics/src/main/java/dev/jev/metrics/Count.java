package dev.jev.metrics;

import dev.jev.CloseReason;

/** The indices of the {@link dev.jev.plugin.LoopCounters}, which are never stored. */
@SuppressWarnings("EnumOrdinal")
final class Count {

  private static final int KINDS = CloseReason.Kind.values().length;

  static final int OPENED = 0;
  static final int STALLED = 1; // now
  static final int MESSAGES_RECEIVED = 2;
  static final int MESSAGES_SENT = 3;
  static final int BYTES_RECEIVED = 4;
  static final int BYTES_SENT = 5;
  static final int DEFLATED_FROM = 6;
  static final int DEFLATED_TO = 7;
  static final int INFLATED_FROM = 8;
  static final int INFLATED_TO = 9;
  private static final int CLOSED = 10;
  private static final int REFUSED = CLOSED + KINDS;
  static final int SIZE = REFUSED + KINDS;

  private Count() {}

  /** Returns the index of the connections that were closed for a reason. */
  static int closed(CloseReason.Kind reason) {
    return CLOSED + reason.ordinal();
  }

  /** Returns the index of the connections that were refused for a reason. */
  static int refused(CloseReason.Kind reason) {
    return REFUSED + reason.ordinal();
  }
}
