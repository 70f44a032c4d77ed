package dev.jev.plugin;

import static java.util.Objects.requireNonNull;

import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.EventExecutor;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.SSLEngine;
import org.jspecify.annotations.Nullable;

/**
 * Runs the expensive tasks of one handshake on an executor: signatures, and checks of certificates.
 *
 * <p>An engine is locked while it runs a task, so a call of the engine would block the event loop.
 * {@link #arePending} is true from the beginning of a task until Netty's handler has continued on
 * the event loop.
 */
final class HandshakeTasks implements Executor {

  private static final long MAX_IDLE_SECONDS = 1;

  /**
   * The threads for all servers and clients without an executor of their own: one per processor at
   * most, and none while there is no handshake. Each connection has one task in the queue at most.
   */
  static final Executor THREADS = newThreads(Runtime.getRuntime().availableProcessors());

  private final SSLEngine engine;
  private final Executor executor;

  // Event loop only, except that tasks read it.
  private @Nullable EventExecutor loop;

  // Event loop only.
  private @Nullable Runnable whenDone;
  private int pending; // two if a task begins while the previous one is being completed

  private @Nullable Task latest; // the only one that may not have begun

  HandshakeTasks(SSLEngine engine, Executor executor) {
    this.engine = engine;
    this.executor = executor;
  }

  private static Executor newThreads(int count) {
    ThreadPoolExecutor threads =
        new ThreadPoolExecutor(
            count,
            count,
            MAX_IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            new DefaultThreadFactory("jev-tls", /* daemon= */ true));
    threads.allowCoreThreadTimeOut(true);
    return threads;
  }

  /** Sets the event loop, and an action to run on it whenever no task is pending any more. */
  void attach(EventExecutor loop, Runnable whenDone) {
    this.loop = loop;
    this.whenDone = whenDone;
  }

  /** Skips a task that has not begun, since the connection is closed. */
  void abandon() {
    if (latest != null && latest.skip()) {
      ReferenceCountUtil.release(engine);
    }
  }

  boolean arePending() {
    return pending > 0;
  }

  /** Called by Netty's handler on the event loop. */
  @Override
  public void execute(Runnable task) {
    pending++;
    ReferenceCountUtil.retain(engine); // an engine of BoringSSL is freed after its last task
    Task submitted = new Task(() -> run(task));
    latest = submitted;
    try {
      executor.execute(submitted);
    } catch (RuntimeException | Error e) { // the executor has been shut down, for example
      if (submitted.skip()) {
        ReferenceCountUtil.release(engine);
        pending--;
        throw e;
      }
    }
  }

  /** Runs a task and drops its reference to the engine. */
  private void run(Runnable task) {
    try {
      task.run(); // Netty's handler continues on the event loop in a task of its own, before ours
    } finally {
      ReferenceCountUtil.release(engine);
      continueOnLoop();
    }
  }

  /**
   * A task until it has begun or is skipped. An executor may throw an exception and run the task
   * nevertheless, or drop a task. One that is skipped may stay in the executor's queue for long, so
   * it does not keep its connection in memory.
   */
  private static final class Task implements Runnable {

    private final AtomicReference<@Nullable Runnable> task;

    Task(Runnable task) {
      this.task = new AtomicReference<>(task);
    }

    @Override
    public void run() {
      Runnable taken = task.getAndSet(null);
      if (taken != null) {
        taken.run();
      }
    }

    /** Skips the task unless it has begun; returns whether it had not. */
    boolean skip() {
      return task.getAndSet(null) != null;
    }
  }

  @SuppressWarnings("EmptyCatch") // the connections of an ended event loop are closed
  private void continueOnLoop() {
    try {
      requireNonNull(loop).execute(this::done);
    } catch (RejectedExecutionException e) {
      // There is nothing to continue.
    }
  }

  private void done() {
    pending--;
    if (pending == 0) {
      requireNonNull(whenDone).run();
    }
  }
}
