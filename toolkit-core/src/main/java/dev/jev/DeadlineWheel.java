package dev.jev;

import static java.util.Objects.requireNonNull;

import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Arrays;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Looks at the connections of one event loop when it is time to, with one timer for all of them:
 * for deadlines that every connection has and that move all the time.
 *
 * <p>A loop has one for each span that is asked for, see {@link Plugin.Link#deadlineWheel} and
 * {@link ProtocolContext#deadlineWheel}, which all plugins and protocols share.
 *
 * <p><b>Buckets.</b> Time is cut into ticks, and the entries that are to be looked at within one
 * tick are in one bucket, a circular list that runs through the entries themselves. An entry that
 * is active does not touch the wheel: it notes the time, and when its bucket comes due it is asked
 * {@link Entry#deadline until when all is well} and moves to the bucket of that time. So an event
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
public final class DeadlineWheel {

  private static final long MIN_TICK_NANOS = Duration.ofMillis(5).toNanos();
  private static final int TICKS = 200;

  /** A timer that is later than this has been held up. */
  private static final long BLOCKED_NANOS = Duration.ofMillis(10).toNanos();

  /** How many looks the loop takes at once, and how many of them an expiry costs. */
  private static final int CHECKS_PER_TURN = 16 * 1024;

  private static final int CHECKS_PER_EXPIRY = 64;

  private final LongSupplier clock;
  private final Timer timers;
  private final long maxDelay;
  private final long tick;
  private final long origin;
  private final Node[] buckets;
  private final Node due = new Bucket();
  private long lastTick; // the last tick whose bucket has come due
  private long graceEnd;
  private long timerDue;
  private @Nullable ScheduledTask timer;

  /** Starts the one timer that a wheel needs. */
  @FunctionalInterface
  public interface Timer {

    /**
     * Runs a task once, later, on the event loop of the wheel.
     *
     * @param delayNanos the delay in nanoseconds; a negative one counts as zero
     * @return the timer, which the wheel may cancel
     */
    ScheduledTask start(Runnable task, long delayNanos);
  }

  /**
   * Creates a wheel of its own, for implementations of {@link Plugin.Link} and {@link
   * ProtocolContext} that are not the framework's.
   *
   * @param maxDelay the longest time until an entry is checked; longer than zero
   * @param clock the time in nanoseconds, as {@link System#nanoTime} counts it
   * @param timers starts timers that follow the same clock
   * @throws IllegalArgumentException if {@code maxDelay} is not longer than zero
   */
  public DeadlineWheel(Duration maxDelay, LongSupplier clock, Timer timers) {
    this.clock = requireNonNull(clock, "clock");
    this.timers = requireNonNull(timers, "timers");
    this.maxDelay = Checks.positive("maxDelay", maxDelay).toNanos();
    this.tick = Math.max(this.maxDelay / TICKS, MIN_TICK_NANOS);
    this.origin = clock.getAsLong();
    this.graceEnd = origin;
    this.buckets = new Node[Integer.highestOneBit((int) (this.maxDelay / tick) + 1) * 2];
    Arrays.setAll(buckets, i -> new Bucket());
  }

  /** A place in a circular list; one that is in none is a list of its own, and so is a bucket. */
  abstract static class Node {
    private Node previous = this;
    private Node next = this;
    private int gracedDeadline; // the low half of the time for which there was a grace

    private Node() {}

    final boolean isSelfLinked() {
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

    final void markGraced(long time) {
      gracedDeadline = (int) time;
    }

    final boolean isGraced(long time) {
      return gracedDeadline == (int) time;
    }

    /** Moves all that are in this list to the end of another one. */
    final void moveTo(Node list) {
      if (!isSelfLinked()) {
        list.previous.next = next;
        next.previous = list.previous;
        previous.next = list;
        list.previous = previous;
        previous = this;
        next = this;
      }
    }
  }

  private static final class Bucket extends Node {}

  /**
   * What is looked at. A class and not an interface, since the lists run through it: to watch a
   * connection takes one object.
   */
  public abstract static class Entry extends Node {

    /** One that is not looked at yet. */
    protected Entry() {}

    /**
     * Until when nothing needs to be done, at most one span after {@code now}; a time that has
     * passed if it does. Called often and should not allocate.
     *
     * @param now the wheel's {@link DeadlineWheel#now}, in nanoseconds
     */
    protected abstract long deadline(long now);

    /**
     * Called when something needs to be done; the entry is not in the wheel any more, and may be
     * watched again. What it throws is logged.
     */
    protected abstract void expire();

    /** Whether this is going to be looked at. */
    public final boolean isScheduled() {
      return !isSelfLinked();
    }

    /** Is not looked at again; to be called when its connection is closed, at the latest. */
    public final void cancel() {
      unlink();
    }
  }

  /** The time that is meant by all times here, in nanoseconds: that of the event loop's timers. */
  public long now() {
    return clock.getAsLong();
  }

  /** After which time at most an entry is looked at, in nanoseconds. */
  public long maxDelay() {
    return maxDelay;
  }

  /** Looks at {@code entry} one span from now, wherever it was before. */
  public void schedule(Entry entry) {
    schedule(entry, now() + maxDelay);
  }

  /** Looks at {@code entry} at a time, at most one span from now, wherever it was before. */
  public void schedule(Entry entry, long time) {
    long now = now();
    boolean isNext = timer == null || (timerDue - now > 0 && time - timerDue < 0);
    if (isNext) {
      lastTick = tickOf(now); // until then there is nothing
    }
    insert(entry, time - now > 0 ? time : now + 1);
    if (isNext) {
      startTimer(now);
    }
  }

  /** Puts an entry into the bucket that comes due at, or soon after, a time. */
  private void insert(Entry entry, long time) {
    entry.unlink(); // being asked may have brought it back already
    bucket(tickOf(time - 1) + 1).append(entry);
  }

  private long tickOf(long time) {
    return Math.floorDiv(time - origin, tick);
  }

  private Node bucket(long number) {
    return buckets[(int) number & (buckets.length - 1)];
  }

  /** Looks at all buckets that have come due. */
  private void advance() {
    long now = now();
    long late = now - timerDue;
    if (late > BLOCKED_NANOS) {
      graceEnd = now + Math.min(late, maxDelay);
    }
    long last = tickOf(now);
    for (long number = Math.max(lastTick, last - buckets.length) + 1; number <= last; number++) {
      bucket(number).moveTo(due);
    }
    lastTick = last;
    try {
      checkDue(now);
    } finally {
      startTimer(now());
    }
  }

  private void checkDue(long now) {
    for (int looks = 0; !due.isSelfLinked() && looks < CHECKS_PER_TURN; looks++) {
      Entry entry = (Entry) due.next;
      entry.unlink();
      try {
        looks += check(entry, now);
      } catch (Throwable t) {
        RateLimitedLog.write(Level.WARNING, "deadline failed: " + entry.getClass().getName(), t);
      }
    }
  }

  /** Returns how many looks that cost beside this one. */
  private int check(Entry entry, long now) {
    long time = deadlineOrGrace(entry, now);
    if (time - now > 0) {
      insert(entry, time);
      return 0;
    }
    entry.expire();
    return CHECKS_PER_EXPIRY;
  }

  private long deadlineOrGrace(Entry entry, long now) {
    long time = entry.deadline(now);
    if (time - now > 0 || graceEnd - now <= 0 || entry.isGraced(time)) {
      return time;
    }
    entry.markGraced(time);
    return graceEnd;
  }

  /** Sets the timer for the first bucket that is not empty. */
  private void startTimer(long now) {
    if (timer != null) {
      timer.cancel();
      timer = null;
    }
    if (!due.isSelfLinked()) {
      startTimer(now, now);
      return;
    }
    for (long number = lastTick + 1; number <= lastTick + buckets.length; number++) {
      if (!bucket(number).isSelfLinked()) {
        startTimer(now, origin + number * tick);
        return;
      }
    }
  }

  private void startTimer(long now, long time) {
    timerDue = time;
    timer = timers.start(this::advance, time - now);
  }
}
