package dev.jev;

import dev.jev.CloseReason.Kind;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A channel handler that runs in turns on an event loop: a connection or a UDP socket.
 *
 * <p><b>Turns.</b> All work is done in turns: a read batch, a task, a timer. {@link #enter} begins
 * a turn and {@link #leave} ends it. At the end, {@link #settle} does the work that has become due
 * during the turn. A loop has one turn at a time, so a callback never runs inside another one.
 *
 * <p>This is a superclass rather than a field, to save one object per connection.
 */
abstract class LoopMember extends ChannelInboundHandlerAdapter implements Scheduler {

  final Loop loop;
  private volatile @Nullable LoopTimers timers; // read by any thread; created on first use

  // Event loop only: the links of the loop's list.
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

  public final boolean inEventLoop() {
    return loop.inEventLoop();
  }

  /** Returns the server or client that owns this member. */
  abstract Object host();

  /**
   * Performs the work that is due at the end of a turn, up to a limit. Returns whether work
   * remains.
   */
  abstract boolean settle();

  /** Handles an exception thrown by a task of the user or of the protocol. */
  abstract void fail(Kind kind, Throwable cause);

  /** Returns whether this member is closed, so that no more timers run. Any thread. */
  abstract boolean isClosed();

  /** Begins to close, with the given reason. */
  abstract void stop(CloseReason reason);

  /** Closes immediately, with the given reason. */
  abstract void abort(CloseReason reason);

  /** Closes and releases all resources, because the thread of the event loop ends. */
  abstract void end(CloseReason reason);

  // Turns; event loop only.

  /**
   * Begins a turn. Returns whether it is the outermost one, which {@link #leave} needs to know.
   *
   * <p>During the turn of another member of the loop, and during a continuation, this one requests
   * its own turn.
   */
  final boolean enter() {
    if (loop.turn == null && !loop.completions().isCompleting()) {
      loop.turn = this;
      loop.turns++;
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
      more |= loop.completions().run();
    } catch (Throwable t) { // out of memory, for example
      abort(new CloseReason(Kind.IO_ERROR, t));
    } finally {
      loop.turn = null;
    }
    if (more && !turnRequested) {
      turnRequested = true;
      loop.turnAfterInput(this);
    }
  }

  /** Requests a turn, unless the current one is this member's, whose end settles anyway. */
  final void turnSoon() {
    if (loop.turn != this) {
      requestTurn();
    }
  }

  /** Requests a turn, after the turns requested earlier. */
  final void requestTurn() {
    if (!turnRequested) {
      turnRequested = true;
      loop.turnLater(this);
    }
  }

  /** Runs the requested turn. */
  void takeTurn() {
    turnRequested = false;
    leave(enter());
  }

  // Tasks.

  /** Runs a task in a turn; returns whether it succeeded. Event loop only. */
  final boolean run(Runnable task) {
    return run(task, Kind.HANDLER_ERROR);
  }

  /** Runs a task like {@link #run(Runnable)}, with the given kind of close for its exceptions. */
  final boolean run(Runnable task, Kind fault) {
    boolean outermost = enter();
    boolean done = false;
    try {
      task.run();
      done = true;
    } catch (Throwable t) {
      fail(fault, t);
    } finally {
      leave(outermost);
    }
    return done;
  }

  /**
   * Runs an action in a turn: immediately on the event loop, later on other threads. Any thread.
   *
   * <p>An empty action has the turn's end do the work that is due.
   */
  final void onLoop(Runnable action) {
    if (loop.inEventLoop()) {
      boolean outermost = enter();
      try {
        action.run();
      } catch (Throwable t) { // out of memory, for example
        abort(new CloseReason(Kind.IO_ERROR, t));
      } finally {
        leave(outermost);
      }
    } else {
      onLoopLater(() -> onLoop(action));
    }
  }

  /**
   * Runs an action later on the event loop, outside a turn, unless the loop has ended, and this
   * member with it. Any thread.
   */
  final void onLoopLater(Runnable action) {
    onLoopLater(action, () -> {});
  }

  /** Runs an action later on the event loop, or {@code ended} now if the loop has ended. */
  final void onLoopLater(Runnable action, Runnable ended) {
    try {
      loop.executor().execute(action);
    } catch (RejectedExecutionException e) {
      ended.run();
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

  /** Cancels all timers. {@link #isClosed} already returns true. */
  final void endTimers() {
    LoopTimers existing = timers;
    if (existing != null) {
      existing.end();
    }
  }
}
