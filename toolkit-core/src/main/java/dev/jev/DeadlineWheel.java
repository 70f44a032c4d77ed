package dev.jev;

import static java.util.Objects.requireNonNull;

import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Arrays;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A timing wheel: one timer per event loop for the deadlines of all its connections. Made for
 * deadlines that every connection has and that move with every event, such as idle timeouts.
 *
 * <p>An event loop has one wheel per maximum delay, shared by all plugins and protocols, see {@link
 * Plugin.Link#deadlineWheel} and {@link ProtocolContext#deadlineWheel}.
 *
 * <p><b>Buckets.</b> Time is divided into ticks. The entries to be checked within one tick form a
 * bucket, a circular list linked through the entries themselves. An event does not move its entry:
 * it only stores the time of the event. When its bucket comes due, the entry is checked: the wheel
 * asks for its current {@link Entry#deadline deadline}, and either expires the entry or moves it to
 * the bucket of that deadline. An event therefore costs one store, and a check takes O(1) time and
 * no allocation. The timer is set for the first bucket that is not empty; an empty wheel has no
 * timer.
 *
 * <p><b>Precision.</b> No entry expires early. It may expire late by one tick, plus the delay of
 * the event loop's timer. A tick is 1/200 of the maximum delay, but at least 5 ms.
 *
 * <p><b>Grace period.</b> If the timer fires late, the event loop was blocked or the process
 * suspended, and bytes that the peers have sent may still be waiting in the sockets. Entries that
 * are due then get a grace period as long as the timer's delay, but no longer than the maximum
 * delay. A process that is suspended for 30 s therefore expires no peer that is alive. There is no
 * second grace period for the same deadline, so that an event loop that is always late still
 * expires dead peers.
 *
 * <p><b>Threads.</b> Event loop only.
 */
public final class DeadlineWheel {

  private static final long MIN_TICK_NANOS = Duration.ofMillis(5).toNanos();
  private static final int TICKS = 200;

  /** Delay of the timer above which the event loop counts as blocked. */
  private static final long BLOCKED_NANOS = Duration.ofMillis(10).toNanos();

  /** Maximum number of checks before the event loop serves its sockets again. */
  private static final int CHECKS_PER_TURN = 16 * 1024;

  /** Number of additional checks that an expiry counts as. */
  private static final int CHECKS_PER_EXPIRY = 64;

  private final LongSupplier clock;
  private final Timer timers;
  private final long maxDelay;
  private final long tick; // duration of a tick in nanoseconds
  private final long origin; // start of tick 0
  private final Node[] buckets;
  private final Node due = new Bucket();
  private long lastTick; // the last tick whose bucket has come due
  private long graceEnd;
  private long timerDue;
  private @Nullable ScheduledTask timer;

  /** Starts the timer of a wheel. */
  @FunctionalInterface
  public interface Timer {

    /**
     * Runs a task once, after a delay, on the event loop of the wheel.
     *
     * @param delayNanos the delay in nanoseconds; a negative delay counts as zero
     * @return the scheduled task, which the wheel may cancel
     */
    ScheduledTask start(Runnable task, long delayNanos);
  }

  /**
   * Creates a separate wheel, for implementations of {@link Plugin.Link} and {@link
   * ProtocolContext} outside the framework.
   *
   * @param maxDelay the maximum delay until an entry is checked; longer than zero
   * @param clock returns the time in nanoseconds, like {@link System#nanoTime}
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

  /**
   * A node of a circular list. Empty buckets, and entries in no bucket, are linked to themselves.
   */
  abstract static class Node {
    private Node previous = this;
    private Node next = this;
    private int gracedDeadline; // low 32 bits of the last deadline that got a grace period

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

    final void markGraced(long deadline) {
      gracedDeadline = (int) deadline;
    }

    final boolean isGraced(long deadline) {
      return gracedDeadline == (int) deadline;
    }

    /** Moves all other nodes of this list to the end of another list. */
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
   * An entry of a timing wheel, with a deadline that may move. A class and not an interface, since
   * it contains the links of its bucket: a connection needs one object per wheel.
   */
  public abstract static class Entry extends Node {

    /** Creates an entry that is not scheduled. */
    protected Entry() {}

    /**
     * Returns the current deadline, in nanoseconds of {@link DeadlineWheel#now}, at most the
     * maximum delay after {@code now}. The entry expires if the deadline has passed. Called often,
     * and should not allocate.
     *
     * @param now the current time of the wheel, in nanoseconds
     */
    protected abstract long deadline(long now);

    /**
     * Called when the deadline has passed. The entry is no longer in the wheel and may be scheduled
     * again. An exception is logged.
     */
    protected abstract void expire();

    /** Returns whether this entry is in a wheel. */
    public final boolean isScheduled() {
      return !isSelfLinked();
    }

    /**
     * Removes this entry from its wheel. Must be called when its connection closes, at the latest.
     */
    public final void cancel() {
      unlink();
    }
  }

  /** Returns the current time of the event loop's timers, in nanoseconds. */
  public long now() {
    return clock.getAsLong();
  }

  /** Returns the maximum delay of this wheel, in nanoseconds. */
  public long maxDelay() {
    return maxDelay;
  }

  /** Schedules a check of {@code entry} after the maximum delay, in place of an earlier one. */
  public void schedule(Entry entry) {
    schedule(entry, now() + maxDelay);
  }

  /**
   * Schedules a check of {@code entry}, in place of an earlier one.
   *
   * @param time the time of the check, at most the maximum delay from {@link #now}, in nanoseconds
   */
  public void schedule(Entry entry, long time) {
    schedule(entry, time, now());
  }

  /** Schedules a check likewise, for a caller that knows the current time. */
  void schedule(Entry entry, long time, long now) {
    boolean isNext = timer == null || (timerDue - now > 0 && time - timerDue < 0);
    if (isNext) {
      lastTick = tickOf(now); // no bucket is due before the new entry's
    }
    insert(entry, time - now > 0 ? time : now + 1);
    if (isNext) {
      startTimer(now);
    }
  }

  /** Moves an entry to the bucket that comes due at the given time, or up to one tick later. */
  private void insert(Entry entry, long time) {
    entry.unlink(); // its deadline method may have scheduled it
    bucket(tickOf(time - 1) + 1).append(entry);
  }

  private long tickOf(long time) {
    return Math.floorDiv(time - origin, tick);
  }

  private Node bucket(long number) {
    return buckets[(int) number & (buckets.length - 1)];
  }

  /** Advances the wheel to the current time and checks all entries that have come due. */
  private void advance() {
    long now = now();
    long delay = now - timerDue;
    if (delay > BLOCKED_NANOS) {
      graceEnd = now + Math.min(delay, maxDelay);
    }
    long currentTick = tickOf(now);
    long firstTick = Math.max(lastTick, currentTick - buckets.length) + 1;
    for (long number = firstTick; number <= currentTick; number++) {
      bucket(number).moveTo(due);
    }
    lastTick = currentTick;
    try {
      checkDue(now);
    } finally {
      startTimer(now());
    }
  }

  private void checkDue(long now) {
    for (int checks = 0; !due.isSelfLinked() && checks < CHECKS_PER_TURN; checks++) {
      Entry entry = (Entry) due.next;
      entry.unlink();
      try {
        checks += check(entry, now);
      } catch (Throwable t) {
        RateLimitedLog.write(Level.WARNING, "deadline failed: " + entry.getClass().getName(), t);
      }
    }
  }

  /** Expires or moves an entry; returns the number of additional checks that this counts as. */
  private int check(Entry entry, long now) {
    long deadline = deadlineOrGrace(entry, now);
    if (deadline - now > 0) {
      insert(entry, deadline);
      return 0;
    }
    entry.expire();
    return CHECKS_PER_EXPIRY;
  }

  /** Returns the deadline of an entry, or the end of its grace period. */
  private long deadlineOrGrace(Entry entry, long now) {
    long deadline = entry.deadline(now);
    if (deadline - now > 0 || graceEnd - now <= 0 || entry.isGraced(deadline)) {
      return deadline;
    }
    entry.markGraced(deadline);
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
