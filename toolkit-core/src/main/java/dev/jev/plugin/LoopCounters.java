package dev.jev.plugin;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Counters for plugins that count. Each event loop adds to counters of its own, without an atomic
 * operation or a lock, and they are summed up when they are read.
 *
 * <p><b>Threads.</b> {@link #sum} may be called from any thread.
 */
public final class LoopCounters {

  private final int size;
  private final Map<Thread, OfLoop> loops = new ConcurrentHashMap<>();
  private final OfLoop ended; // guarded by this

  /**
   * Creates counters.
   *
   * @param size the number of counters, which have the indices from 0 on
   */
  public LoopCounters(int size) {
    this.size = Checks.inRange("size", size, 1, 1024);
    this.ended = new OfLoop(size);
  }

  /** Returns the counters of the calling thread, an event loop. */
  public OfLoop current() {
    OfLoop counters = loops.get(Thread.currentThread());
    return counters != null ? counters : newCounters(Thread.currentThread());
  }

  private synchronized OfLoop newCounters(Thread loop) {
    loops.entrySet().removeIf(each -> !each.getKey().isAlive() && ended.addAll(each.getValue()));
    OfLoop counters = new OfLoop(size);
    loops.put(loop, counters);
    return counters;
  }

  /** Returns the sum of a counter over all event loops, also those that have ended. */
  public synchronized long sum(int index) {
    long sum = ended.values.get(index);
    for (OfLoop counters : loops.values()) {
      sum += counters.values.get(index);
    }
    return sum;
  }

  /** The counters of one event loop. */
  public static final class OfLoop {

    private final AtomicLongArray values;

    private OfLoop(int size) {
      values = new AtomicLongArray(size);
    }

    /** Adds to a counter. Called on the event loop. */
    public void add(int index, long change) {
      values.lazySet(index, values.getPlain(index) + change);
    }

    /** Adds the counters of an event loop that has ended; returns true. */
    private boolean addAll(OfLoop ended) {
      for (int i = 0; i < values.length(); i++) {
        add(i, ended.values.get(i));
      }
      return true;
    }
  }
}
