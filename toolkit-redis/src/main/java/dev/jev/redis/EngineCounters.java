package dev.jev.redis;

import java.util.concurrent.atomic.LongAdder;

/** The counters of an engine. */
final class EngineCounters {

  /** Links that were lost, or could not be opened. */
  final LongAdder lost = new LongAdder();

  /** Messages of another program, which were dropped. */
  final LongAdder malformed = new LongAdder();
}
