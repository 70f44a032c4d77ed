package dev.jev.nodes;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** The counters of a node. */
final class NodeCounters {

  private final Map<Receipt.Outcome, LongAdder> outcomes = new ConcurrentHashMap<>();
  final LongAdder batches = new LongAdder();
  final LongAdder received = new LongAdder();
  final LongAdder malformed = new LongAdder();
  final LongAdder repairs = new LongAdder();
  final LongAdder repaired = new LongAdder();
  final LongAdder gaps = new LongAdder();
  final LongAdder diverged = new LongAdder();
  final LongAdder lagged = new LongAdder();
  final LongAdder resumedHere = new LongAdder();
  final LongAdder resumedByEngine = new LongAdder();
  final LongAdder resumedLost = new LongAdder();

  LongAdder of(Receipt.Outcome outcome) {
    return outcomes.computeIfAbsent(outcome, each -> new LongAdder());
  }

  Nodes.Counts counts(int topics) {
    return new Nodes.Counts(
        of(Receipt.Outcome.STORED).sum(),
        of(Receipt.Outcome.SENT).sum(),
        of(Receipt.Outcome.LOCAL_ONLY).sum(),
        of(Receipt.Outcome.REFUSED).sum(),
        of(Receipt.Outcome.UNKNOWN).sum(),
        batches.sum(),
        received.sum(),
        malformed.sum(),
        repairs.sum(),
        repaired.sum(),
        gaps.sum(),
        diverged.sum(),
        lagged.sum(),
        resumedHere.sum(),
        resumedByEngine.sum(),
        resumedLost.sum(),
        topics);
  }
}
