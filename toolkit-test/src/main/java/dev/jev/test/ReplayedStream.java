package dev.jev.test;

import dev.jev.Client;
import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A captured connection that is made again. Sends the chunks of the client, each at its time and
 * after the answers before it.
 *
 * <p><b>Threads.</b> Callbacks of the connection go to the thread of the replay, which owns all
 * fields. The results are read after {@link #awaitEnd}.
 */
final class ReplayedStream implements Handler<byte[], byte[]> {

  private static final int SHOWN_BYTES = 16;

  private final Capture.Stream stream;
  private final ScheduledExecutorService clock;
  private final long start;
  private final double speed;
  private final Duration answerTimeout;
  private final byte[] expected;
  private final boolean comparing;
  private final CountDownLatch end = new CountDownLatch(1);

  // Of the thread of the replay.
  private @Nullable Connection<byte[]> connection;
  private int next; // chunk
  private long due; // bytes of answers before the next chunk
  private long dueNanos; // the time of the last one of them, in the capture
  private long sent;
  private long received;
  private boolean ended;
  private int waits; // number of timeouts that were started
  private long progressAt; // when the wait for an answer began, or a part of it arrived
  private Replay.@Nullable Difference difference;
  private @Nullable RuntimeException failure; // of this code, or for a wrong address

  ReplayedStream(
      Capture.Stream stream,
      ScheduledExecutorService clock,
      long start,
      double speed,
      Duration answerTimeout,
      boolean comparing) {
    this.stream = stream;
    this.clock = clock;
    this.start = start;
    this.speed = speed;
    this.answerTimeout = answerTimeout;
    this.comparing = comparing;
    this.expected = stream.bytes(/* ofClient= */ false);
  }

  /** Connects when it is time. */
  void start(Function<ReplayedStream, Client<byte[]>> connect) {
    at(
        stream.nanos(),
        () ->
            connect
                .apply(this)
                .connected()
                .whenComplete((opened, failure) -> run(() -> established(opened, failure))));
  }

  private void established(@Nullable Connection<byte[]> opened, @Nullable Throwable failure) {
    if (failure != null) {
      differ(0, failure.getMessage(), "a connection");
      finish();
    } else {
      connection = opened;
      proceed();
    }
  }

  /** Runs a task at a time of the capture. */
  private void at(long nanos, Runnable task) {
    schedule(task, time(nanos) - System.nanoTime());
  }

  /** Returns the time of the replay for one of the capture. */
  private long time(long nanos) {
    return start + (long) (nanos / speed);
  }

  private void run(Runnable task) {
    schedule(task, 0);
  }

  @SuppressWarnings("FutureReturnValueIgnored") // attempt keeps what the task throws
  private void schedule(Runnable task, long delayNanos) {
    try {
      clock.schedule(() -> attempt(task), Math.max(delayNanos, 0), TimeUnit.NANOSECONDS);
    } catch (RejectedExecutionException e) {
      end.countDown(); // the replay was interrupted
    }
  }

  private void attempt(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException e) {
      failure = e;
      finish();
    }
  }

  // Of the thread of the replay.

  /** Goes on to the next chunk of the client whose answers before it have arrived. */
  private void proceed() {
    while (next < stream.chunks().size() && !stream.chunks().get(next).ofClient()) {
      due += stream.chunks().get(next).bytes().length;
      dueNanos = stream.chunks().get(next++).nanos();
    }
    if (received < due) {
      awaitAnswer();
    } else if (next < stream.chunks().size() && !isEndOfAll()) {
      at(stream.chunks().get(next).nanos(), this::sendNext);
    } else {
      finish();
    }
  }

  /** Returns whether only the end of the client's output is left, which the close includes. */
  private boolean isEndOfAll() {
    return next == stream.chunks().size() - 1 && stream.chunks().get(next).bytes().length == 0;
  }

  private void sendNext() {
    Connection<byte[]> open = connection;
    if (ended || open == null) {
      return;
    }
    byte[] bytes = stream.chunks().get(next++).bytes();
    if (bytes.length == 0) {
      open.shutdownOutput();
    } else if (open.send(bytes)) {
      sent += bytes.length;
    }
    proceed();
  }

  private void awaitAnswer() {
    int wait = ++waits;
    progressAt = Math.max(System.nanoTime(), time(dueNanos));
    schedule(() -> timeOut(wait), progressAt + answerTimeout.toNanos() - System.nanoTime());
  }

  private void timeOut(int wait) {
    if (ended || wait != waits) {
      return;
    }
    long left = progressAt + answerTimeout.toNanos() - System.nanoTime();
    if (left > 0) { // a part of the answer has arrived in between
      schedule(() -> timeOut(wait), left);
    } else if (comparing) {
      differ(received, "no more within " + answerTimeout, "byte " + received);
      finish();
    } else {
      due = received; // goes on without the answer
      proceed();
    }
  }

  private void received(byte[] bytes) {
    if (ended) {
      return;
    }
    boolean wasDue = received >= due;
    if (comparing) {
      compare(bytes);
    }
    received += bytes.length;
    progressAt = Math.max(progressAt, System.nanoTime());
    if (difference != null) {
      finish();
    } else if (!wasDue && received >= due) {
      waits++; // ends the wait
      proceed();
    }
  }

  private void compare(byte[] bytes) {
    int from = (int) Math.min(received, expected.length);
    int to = (int) Math.min(received + bytes.length, expected.length);
    int mismatch = Arrays.mismatch(bytes, 0, bytes.length, expected, from, to);
    if (mismatch >= 0) {
      differ(received + mismatch, shown(bytes, mismatch), shown(expected, from + mismatch));
    }
  }

  private static String shown(byte[] bytes, int from) {
    int to = Math.min(from + SHOWN_BYTES, bytes.length);
    return from >= to ? "the end" : Hex.of(Arrays.copyOfRange(bytes, from, to));
  }

  private void closed(CloseReason reason) {
    if (!ended && comparing && received < expected.length) {
      differ(received, "closed, " + reason.kind(), "byte " + received);
    }
    finish();
  }

  private void differ(long offset, @Nullable String actual, String wanted) {
    if (difference == null) {
      String description = actual + " (expected: " + wanted + ")";
      difference = new Replay.Difference(stream.number(), offset, description);
    }
  }

  private void finish() {
    if (!ended) {
      ended = true;
      if (connection != null) {
        connection.close();
      }
      end.countDown();
    }
  }

  // Called on the event loop.

  @Override
  public void onMessage(Connection<byte[]> connection, byte[] bytes) {
    run(() -> received(bytes));
  }

  @Override
  public void onClose(Connection<byte[]> connection, CloseReason reason) {
    run(() -> closed(reason));
  }

  // Results.

  void awaitEnd() throws InterruptedException {
    end.await();
    if (failure != null) {
      throw failure;
    }
  }

  long sentBytes() {
    return sent;
  }

  long receivedBytes() {
    return received;
  }

  long expectedBytes() {
    return expected.length;
  }

  Replay.@Nullable Difference difference() {
    return difference;
  }
}
