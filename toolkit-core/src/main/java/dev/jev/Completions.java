package dev.jev;

import io.netty.util.concurrent.EventExecutor;
import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The futures of messages whose outcome is known, in order, until an event loop completes them.
 *
 * <p><b>Problem.</b> The continuations of a future are code of the user, which may send, close or
 * subscribe. The outcome of a message becomes known in the middle of a flush, or while a queue
 * makes room. If the continuations ran there, they would find the queue half changed, and the
 * messages that they send would be packed behind the last flush of the turn.
 *
 * <p>So a future is completed at the end of the turn in which its outcome becomes known, and in a
 * task of its own outside a turn. What its continuations send leaves in a turn that follows. No
 * turn begins during such a task, so that neither a callback nor another continuation runs inside a
 * continuation.
 */
final class Completions {

  private final EventExecutor executor; // the event loop
  private final BooleanSupplier inTurn;
  private final RateLimitedLog errors = new RateLimitedLog();

  // Event loop only.
  private final ArrayDeque<Runnable> due = new ArrayDeque<>(2);
  private boolean scheduled;
  private boolean completing; // in a task outside a turn

  /** Creates one for an event loop, with the test whether a turn has begun and not ended. */
  Completions(EventExecutor executor, BooleanSupplier inTurn) {
    this.executor = executor;
    this.inTurn = inTurn;
  }

  /** Completes a future later on the event loop, with a failure if there is one. Any thread. */
  void add(CompletableFuture<Void> future, @Nullable Throwable failure) {
    if (executor.inEventLoop()) {
      add(() -> complete(future, failure));
      return;
    }
    try {
      executor.execute(() -> add(future, failure));
    } catch (RejectedExecutionException e) { // the event loop has ended, and all its turns
      complete(future, failure);
    }
  }

  /** Runs a completion of another kind likewise. Event loop only. */
  void add(Runnable completion) {
    due.add(completion);
    runLater();
  }

  private static void complete(CompletableFuture<Void> future, @Nullable Throwable failure) {
    if (failure == null) {
      future.complete(null);
    } else {
      future.completeExceptionally(failure);
    }
  }

  /** Schedules a task that completes what is due, unless the current turn does so at its end. */
  void runLater() {
    if (!due.isEmpty() && !scheduled && !inTurn.getAsBoolean()) {
      scheduled = true;
      try {
        executor.execute(this::runScheduled);
      } catch (RejectedExecutionException e) { // the event loop has ended, and all its turns
        runScheduled();
      }
    }
  }

  private void runScheduled() {
    scheduled = false;
    completing = true;
    run();
    completing = false;
  }

  /** Returns whether futures are being completed outside a turn, so that no turn may begin. */
  boolean isCompleting() {
    return completing;
  }

  /**
   * Completes the futures that are due now; returns whether there were any. Those that become due
   * meanwhile wait for the next call.
   */
  boolean run() {
    int count = due.size();
    Runnable next;
    for (int n = count; n > 0 && (next = due.poll()) != null; n--) {
      try {
        next.run();
      } catch (Throwable t) { // a stack overflow in a continuation, for example
        errors.warning("continuation of a delivery failed", t);
      }
    }
    return count > 0;
  }
}
