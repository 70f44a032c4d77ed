package dev.jev.plugin;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Ticker;
import java.time.Duration;
import java.util.Arrays;

/**
 * Looks at the connections of one event loop when it is time to, with one timer for all of them.
 *
 * <p><b>Buckets.</b> Time is cut into ticks, and the entries that are to be looked at within one
 * tick are in one bucket, a circular list that runs through the entries themselves. An entry that
 * is active does not touch the wheel: it notes the time, and when its bucket comes due it is asked
 * {@link Entry#wellUntil until when all is well} and moves to the bucket of that time. So an event
 * costs one store, and a look costs O(1) and no allocation. The timer is set for the first bucket
 * that is not empty; an empty wheel has none.
 *
 * <p><b>Exactness.</b> No entry expires early. It may be late by one tick, which is 1/200 of the
 * wheel's span but not less than 5 ms, and by what the event loop's timers are late.
 *
 * <p><b>Grace.</b> When the timer comes late, the loop was blocked or the process stopped, and what
 * the peers have sent meanwhile waits in the sockets. Then an entry that is due gets the same time
 * once more, though at most one span. So a stop of 30 s expires no peer that is alive. There is no
 * second grace for the same time, so that a loop that is always late still expires the dead.
 *
 * <p><b>Threads.</b> Event loop only.
 */
final class Wheel implements Runnable {

  private static final Duration MIN_TIMEOUT = Duration.ofMillis(10);
  private static final long MIN_TICK_NANOS = Duration.ofMillis(5).toNanos();
  private static final int TICKS = 200;

  /** A timer that is later than this has been held up. */
  private static final long LATE_NANOS = Duration.ofMillis(10).toNanos();

  /** How many looks the loop takes at once, and how many of them an expiry costs. */
  private static final int LOOKS_PER_TURN = 16 * 1024;

  private static final int EXPIRY_LOOKS = 64;

  private final EventLoop loop;
  private final Ticker ticker;
  private final long span;
  private final long tick;
  private final long origin;
  private final Node[] buckets;
  private final Node due = new Node();
  private long swept; // the last tick whose bucket has come due
  private long graceEnd;
  private long nextRun;
  private boolean scheduled;

  /** One whose entries are looked at after at most {@code span} nanoseconds. */
  Wheel(EventLoop loop, long span) {
    this.loop = loop;
    this.ticker = loop.ticker();
    this.span = span;
    this.tick = Math.max(span / TICKS, MIN_TICK_NANOS);
    this.origin = ticker.nanoTime();
    this.graceEnd = origin;
    this.buckets = new Node[Integer.highestOneBit((int) (span / tick) + 1) * 2];
    Arrays.setAll(buckets, i -> new Node());
  }

  /** Returns {@code timeout} if it is not too short for a wheel. */
  static Duration check(String name, Duration timeout) {
    if (Checks.positive(name, timeout).compareTo(MIN_TIMEOUT) < 0) {
      throw new IllegalArgumentException(
          name + ": " + timeout + " (expected: >= " + MIN_TIMEOUT + ")");
    }
    return timeout;
  }

  /** A place in a circular list; one that is in none is a list of its own, and so is a bucket. */
  private static class Node {
    private Node previous = this;
    private Node next = this;
    private int graced; // the low half of the time for which there was a grace

    final boolean isAlone() {
      return next == this;
    }

    final void unlink() {
      previous.next = next;
      next.previous = previous;
      previous = this;
      next = this;
    }

    final void append(Node node) {
      node.previous = previous;
      node.next = this;
      previous.next = node;
      previous = node;
    }

    final void noteGrace(long time) {
      graced = (int) time;
    }

    final boolean isGraced(long time) {
      return graced == (int) time;
    }

    /** Moves all that are in this list to the end of another one. */
    final void moveTo(Node list) {
      if (!isAlone()) {
        list.previous.next = next;
        next.previous = list.previous;
        previous.next = list;
        list.previous = previous;
        previous = this;
        next = this;
      }
    }
  }

  /**
   * What is looked at. A class and not an interface, since the lists run through it: to watch a
   * connection takes one object.
   */
  abstract static class Entry extends Node {

    /**
     * Until when nothing needs to be done, at most one span after {@code now}; a time that has
     * passed if it does.
     */
    abstract long wellUntil(long now);

    /** Called when something needs to be done; the entry is not in the wheel any more. */
    abstract void expire();

    /** Whether this is going to be looked at. */
    final boolean isWatched() {
      return !isAlone();
    }

    /** Is not looked at again. */
    final void leave() {
      unlink();
    }
  }

  /** The time that is meant by all times here, in nanoseconds. */
  long now() {
    return ticker.nanoTime();
  }

  long span() {
    return span;
  }

  /** Looks at {@code entry} one span from now: later than at all that are here. */
  void watch(Entry entry) {
    long now = now();
    if (!scheduled) {
      swept = tickBefore(now); // there was nothing to be swept
    }
    place(entry, now + span);
    if (!scheduled) {
      schedule(now);
    }
  }

  /** Puts an entry into the bucket that comes due at, or soon after, a time. */
  private void place(Entry entry, long time) {
    entry.unlink(); // being asked may have brought it back already
    bucket(tickBefore(time - 1) + 1).append(entry);
  }

  private long tickBefore(long time) {
    return Math.floorDiv(time - origin, tick);
  }

  private Node bucket(long number) {
    return buckets[(int) number & (buckets.length - 1)];
  }

  /** Looks at all buckets that have come due. */
  @Override
  public void run() {
    long now = now();
    long late = now - nextRun;
    if (late > LATE_NANOS) {
      graceEnd = now + Math.min(late, span);
    }
    long last = tickBefore(now);
    for (long number = Math.max(swept, last - buckets.length) + 1; number <= last; number++) {
      bucket(number).moveTo(due);
    }
    swept = last;
    try {
      lookAtDue(now);
    } finally {
      schedule(now());
    }
  }

  private void lookAtDue(long now) {
    for (int looks = 0; !due.isAlone() && looks < LOOKS_PER_TURN; looks++) {
      Entry entry = (Entry) due.next;
      entry.unlink();
      long time = timeFor(entry, now);
      if (time - now > 0) {
        place(entry, time);
      } else {
        entry.expire();
        looks += EXPIRY_LOOKS;
      }
    }
  }

  private long timeFor(Entry entry, long now) {
    long time = entry.wellUntil(now);
    if (time - now > 0 || graceEnd - now <= 0 || entry.isGraced(time)) {
      return time;
    }
    entry.noteGrace(time);
    return graceEnd;
  }

  private void schedule(long now) {
    scheduled = true;
    if (!due.isAlone()) {
      schedule(now, now);
      return;
    }
    for (long number = swept + 1; number <= swept + buckets.length; number++) {
      if (!bucket(number).isAlone()) {
        schedule(now, origin + number * tick);
        return;
      }
    }
    scheduled = false;
  }

  private void schedule(long now, long time) {
    nextRun = time;
    loop.schedule(this, time - now, NANOSECONDS);
  }
}
