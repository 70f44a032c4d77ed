package dev.jev.plugin;

import dev.jev.CloseReason.Kind;
import dev.jev.ServerStats;
import java.util.EnumMap;
import java.util.Map;

/** Counts the connections, messages and bytes of one server or client. */
@SuppressWarnings("EnumOrdinal") // never stored
final class TrafficCounters {

  private static final Kind[] KINDS = Kind.values();

  static final int OPENED = 0;
  static final int MESSAGES_RECEIVED = 1;
  static final int MESSAGES_SENT = 2;
  static final int BYTES_RECEIVED = 3;
  static final int BYTES_SENT = 4;
  private static final int CLOSED = 5;
  private static final int REFUSED = CLOSED + KINDS.length;

  private final LoopCounters counters = new LoopCounters(REFUSED + KINDS.length);

  /** Returns the counters of the calling event loop. */
  LoopCounters.OfLoop current() {
    return counters.current();
  }

  /** Returns the index of the connections that were closed for a reason. */
  static int closed(Kind reason) {
    return CLOSED + reason.ordinal();
  }

  /** Returns the index of the connections that were refused for a reason. */
  static int refused(Kind reason) {
    return REFUSED + reason.ordinal();
  }

  /** Returns the sums over all event loops. Any thread. */
  ServerStats stats() {
    Map<Kind, Long> closed = byReason(CLOSED); // first: what has closed has opened
    return new ServerStats(
        counters.sum(OPENED),
        closed,
        byReason(REFUSED),
        counters.sum(MESSAGES_RECEIVED),
        counters.sum(MESSAGES_SENT),
        counters.sum(BYTES_RECEIVED),
        counters.sum(BYTES_SENT));
  }

  private Map<Kind, Long> byReason(int first) {
    Map<Kind, Long> counts = new EnumMap<>(Kind.class);
    for (Kind kind : KINDS) {
      long count = counters.sum(first + kind.ordinal());
      if (count > 0) {
        counts.put(kind, count);
      }
    }
    return counts;
  }
}
