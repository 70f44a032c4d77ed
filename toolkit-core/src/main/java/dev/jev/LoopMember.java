package dev.jev;

import dev.jev.CloseReason.Kind;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A channel handler that has turns on an event loop: a connection or a UDP socket.
 *
 * <p><b>Turns.</b> All work is done in turns of the event loop: a batch of reads, a task, a timer.
 * {@link #enter} opens a turn and {@link #leave} ends it: {@link #settle} then does the work that
 * became due meanwhile. A loop has one turn at a time, so a callback never runs inside another one.
 *
 * <p>A superclass and not a part, because a connection that is idle must not cost another object.
 */
abstract class LoopMember extends ChannelInboundHandlerAdapter implements Scheduler {

  final Loop loop;
  private volatile @Nullable LoopTimers timers; // read by any thread; created when first used

  // Event loop only: neighbors in the loop's list.
  @Nullable LoopMember next;
  @Nullable LoopMember previous;

  // Event loop only.
  private boolean turnRequested;

  LoopMember(Loop loop) {
    this.loop = loop;
  }

  final Loop loop() {
    return loop;
  }

  final boolean inEventLoop() {
    return loop.inEventLoop();
  }

  /** Returns the server or client that this belongs to. */
  abstract Object host();

  /**
   * Does the work that is due at the end of a turn, up to a limit; returns whether some is left.
   */
  abstract boolean settle();

  /** Handles an exception that a task of the user or the protocol has thrown. */
  abstract void fail(Kind kind, Throwable cause);

  /** Returns whether it is closed, so that no timer runs any more. Any thread. */
  abstract boolean isClosed();

  /** Begins to close, for the given reason. */
  abstract void stop(CloseReason reason);

  /** Closes at once, for the given reason. */
  abstract void abort(CloseReason reason);

  /** Closes and releases everything, since the thread of the event loop ends. */
  abstract void end(CloseReason reason);

  // Turns; event loop only.

  /**
   * Opens a turn; returns whether it is the outermost one, for {@link #leave}.
   *
   * <p>If another member of the loop has its turn, this one requests a turn of its own.
   */
  final boolean enter() {
    if (loop.turn == null) {
      loop.turn = this;
      return true;
    }
    turnSoon();
    return false;
  }

  /** Ends a turn if it is the outermost one. */
  final void leave(boolean outermost) {
    if (!outermost) {
      return;
    }
    boolean more = false;
    try {
      more = settle();
    } catch (Throwable t) { // no memory for a buffer, for example
      abort(new CloseReason(Kind.IO_ERROR, t));
    } finally {
      loop.turn = null;
    }
    if (more) {
      turnSoon();
    }
  }

  /** Requests a turn, unless the current one is its own and so settles anyway. */
  final void turnSoon() {
    if (loop.turn != this) {
      requestTurn();
    }
  }

  /** Requests a turn after those that have been requested before. */
  final void requestTurn() {
    if (!turnRequested) {
      turnRequested = true;
      loop.turnLater(this);
    }
  }

  /** Has the turn that was requested. */
  void takeTurn() {
    turnRequested = false;
    leave(enter());
  }

  // Tasks.

  /** Runs a task in a turn; returns whether it succeeded. Event loop only. */
  final boolean run(Runnable task) {
    return run(task, Kind.HANDLER_ERROR);
  }

  /** Runs a task in a turn like {@link #run(Runnable)}; its exceptions have the given kind. */
  final boolean run(Runnable task, Kind fault) {
    boolean outermost = enter();
    boolean done = false;
    try {
      task.run();
      done = true;
    } catch (Throwable t) {
      fail(fault, t);
    }
    leave(outermost);
    return done;
  }

  /**
   * Runs an action in a turn: at once if this is the event loop, else later. Any thread.
   *
   * <p>An empty action lets the end of its turn do what is due.
   */
  final void onLoop(Runnable action) {
    if (loop.inEventLoop()) {
      boolean outermost = enter();
      action.run();
      leave(outermost);
    } else {
      onLoopLater(() -> onLoop(action));
    }
  }

  /** Runs an action later on the event loop, not in a turn. Any thread. */
  public final void onLoopLater(Runnable action) {
    try {
      loop.executor().execute(action);
    } catch (RejectedExecutionException e) {
      // The event loop has ended, and this with it.
    }
  }

  // Timers; any thread.

  @Override
  public final ScheduledTask runAfter(Duration delay, Runnable task) {
    return timers().runAfter(loop, delay, task, this::run);
  }

  @Override
  public final ScheduledTask runEvery(Duration period, Runnable task) {
    return timers().runEvery(loop, period, task, this::run);
  }

  @Override
  public final ScheduledTask runTicker(Supplier<Duration> ticker) {
    return timers().runTicker(loop, ticker, this::run);
  }

  final LoopTimers timers() {
    LoopTimers existing = timers;
    if (existing == null) {
      synchronized (this) {
        existing = timers;
        if (existing == null) {
          existing = new LoopTimers();
          timers = existing;
        }
      }
    }
    if (isClosed()) {
      existing.end();
    }
    return existing;
  }

  /** Ends all timers; {@link #isClosed} is true already. */
  final void endTimers() {
    LoopTimers existing = timers;
    if (existing != null) {
      existing.end();
    }
  }
}
