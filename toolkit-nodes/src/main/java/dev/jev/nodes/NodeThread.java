package dev.jev.nodes;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A thread of a node, for a part of its topics: it orders their records, and bounds the recent
 * messages that they keep.
 *
 * <p>Its tasks must not block. Messages are kept by its own tasks only.
 */
final class NodeThread {

  /** Maximum size of the records that wait for this thread, in bytes. */
  private static final long MAX_WAITING_BYTES = 16 * 1024 * 1024;

  private static final int RECORD_OVERHEAD = 256;

  /** Time for which a topic without subscribers lingers. */
  private static final long LINGER_NANOS = TimeUnit.SECONDS.toNanos(5);

  private static final long SHORT_LINGER_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /** Number of topics that may linger long: clients could make up any number of names. */
  private static final int MAX_LINGERING = 1_000;

  /** Number of reads of the engine that are under way at most. */
  static final int MAX_READS = 64;

  /** Number of messages that a read holds and that are passed over at once. */
  private static final int MAX_PINNED_STEPS = 64;

  private static final long ROOM_CHECK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  /** Number of topics that still have no room and that are asked at once. */
  private static final int MAX_ROOM_CHECKS = 64;

  final ScheduledThreadPoolExecutor executor;
  private final AtomicLong waitingBytes = new AtomicLong();
  private final AtomicInteger lingering = new AtomicInteger();
  private final long maxKeptBytes;

  // This thread only.
  private final Deque<KeptMessage> kept = new ArrayDeque<>(); // of all topics, oldest first
  private long keptBytes;
  private int dropped; // messages that are still in kept
  private final Deque<Runnable> waitingReads = new ArrayDeque<>();
  private int reads;
  private final Queue<BooleanSupplier> waitingForRoom = new ArrayDeque<>();
  private boolean roomCheckScheduled;

  NodeThread(String name, long maxKeptBytes) {
    this.maxKeptBytes = maxKeptBytes;
    this.executor =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread thread = new Thread(task, name);
              thread.setDaemon(true);
              return thread;
            });
    executor.setRemoveOnCancelPolicy(true);
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
  }

  /** Runs a task; returns false, and does not run it, if the node has stopped. */
  boolean execute(Runnable task) {
    try { // an executor that ends just now cancels the task instead of rejecting it
      return !executor.submit(NodeLog.guarded(task)).isCancelled();
    } catch (RejectedExecutionException e) {
      return false;
    }
  }

  /** Runs a task with a record; returns false, and does not run it, if too many wait. */
  boolean execute(Backplane.Record record, Runnable task) {
    int size = record.body().length + RECORD_OVERHEAD;
    if (waitingBytes.getAndAdd(size) >= MAX_WAITING_BYTES) {
      waitingBytes.addAndGet(-size);
      return false;
    }
    return execute(
        () -> {
          waitingBytes.addAndGet(-size);
          task.run();
        });
  }

  /** Runs a task after some time; drops it if the node has stopped. */
  void runAfter(long nanos, Runnable task) {
    try {
      executor.schedule(NodeLog.guarded(task), nanos, TimeUnit.NANOSECONDS);
    } catch (RejectedExecutionException e) {
      // The node has stopped.
    }
  }

  /** Runs the task that ends a topic after 5 s, or after 100 ms if too many wait for their end. */
  void linger(Runnable end) {
    runAfter(
        lingering.incrementAndGet() > MAX_LINGERING ? SHORT_LINGER_NANOS : LINGER_NANOS,
        () -> {
          lingering.decrementAndGet();
          end.run();
        });
  }

  /** Runs the tasks that were added before, and no others. */
  void stop() {
    executor.shutdown();
  }

  // Reads of the engine, on this thread.

  /**
   * Reads from the engine when fewer than 64 other reads are under way. When the subscriptions of
   * many topics were interrupted, their reads would otherwise wait for each other in the engine
   * until their time is over, and be repeated behind those that nothing waits for any more.
   *
   * @param read begins to read, or returns null if there is no need any more
   */
  <T> void read(
      Supplier<@Nullable CompletionStage<T>> read,
      BiConsumer<@Nullable T, @Nullable Throwable> action) {
    waitingReads.add(() -> beginRead(read, action));
    beginReads();
  }

  private void beginReads() {
    while (reads < MAX_READS && !waitingReads.isEmpty()) {
      waitingReads.remove().run();
    }
  }

  private <T> void beginRead(
      Supplier<@Nullable CompletionStage<T>> read,
      BiConsumer<@Nullable T, @Nullable Throwable> action) {
    CompletionStage<T> stage = read.get();
    if (stage != null) {
      reads++;
      stage.whenComplete(
          (answer, failure) ->
              execute(
                  () -> {
                    reads--;
                    beginReads();
                    action.accept(answer, failure);
                  }));
    }
  }

  // Back-pressure of the event loops, on this thread.

  /**
   * Calls a topic from time to time until it returns that its event loops have had room for its
   * messages.
   *
   * <p>A loop that is behind is so for all its topics, which may be very many. Every 5 ms they are
   * called in turn, until 64 were called in vain: a timer for each would keep the loop from the
   * processor that it needs.
   */
  void awaitRoom(BooleanSupplier continued) {
    waitingForRoom.add(continued);
    scheduleRoomCheck();
  }

  private void scheduleRoomCheck() {
    if (!roomCheckScheduled && !waitingForRoom.isEmpty()) {
      roomCheckScheduled = true;
      runAfter(ROOM_CHECK_NANOS, this::checkRoom);
    }
  }

  private void checkRoom() {
    try {
      int full = 0;
      for (int i = waitingForRoom.size(); i > 0 && full < MAX_ROOM_CHECKS; i--) {
        BooleanSupplier continued = waitingForRoom.remove();
        if (!continued.getAsBoolean()) {
          full++;
          waitingForRoom.add(continued);
        }
      }
    } finally {
      roomCheckScheduled = false;
      scheduleRoomCheck();
    }
  }

  // Recent messages.

  void keep(KeptMessage message) {
    kept.add(message);
    keptBytes += message.size();
  }

  /** Keeps messages that are older than all others. */
  void keepFirst(List<KeptMessage> messages) {
    for (int i = messages.size() - 1; i >= 0; i--) {
      kept.addFirst(messages.get(i));
      keptBytes += messages.get(i).size();
    }
  }

  /** Stops counting a message that its topic has dropped. */
  void forget(KeptMessage message) {
    keptBytes -= message.size();
    dropped++;
    if (dropped > 64 && 2 * dropped > kept.size()) {
      kept.removeIf(each -> each.owner == null);
      dropped = 0;
    }
  }

  /** Drops the oldest messages of all topics until the rest is within the limit. */
  void shrink() {
    int most = Math.min(kept.size(), MAX_PINNED_STEPS);
    for (int pinned = 0; keptBytes > maxKeptBytes && pinned < most; ) {
      RecentMessages owner = kept.element().owner;
      if (owner == null) {
        kept.remove();
        dropped--;
      } else if (!owner.dropOldest()) {
        kept.add(kept.remove()); // a read has to connect to it
        pinned++;
      }
    }
  }
}
