package dev.jev.cli;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import java.io.PrintStream;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Connections that send messages and time the answers, which come in the order of the messages.
 *
 * @param <I> the type of the answers
 * @param <O> the type of the messages
 */
final class Load<I, O> implements Handler<I, O> {

  /** Maximum time for the answers that are missing at the end. */
  private static final long ANSWER_NANOS = TimeUnit.SECONDS.toNanos(2);

  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  /** A connection with the times at which its open messages were sent, or were to be sent. */
  private static final class Line<O> {

    private final Connection<O> connection;
    private final Queue<Long> open = new ConcurrentLinkedQueue<>();
    private volatile boolean isClosed;
    private boolean hangs; // used by one thread

    Line(Connection<O> connection) {
      this.connection = connection;
    }
  }

  private final WireFormat<I, O> format;
  private final byte[] message;
  private final int depth;
  private final List<Line<O>> lines = new CopyOnWriteArrayList<>(); // with those that have closed
  private final LongAdder lost = new LongAdder(); // messages of connections that have closed
  private int next; // line; used by one thread
  private volatile boolean running = true;
  private volatile Progress progress = new Progress(/* seconds= */ 0, lost, /* shown= */ null);
  private volatile @Nullable CloseReason closed;

  /**
   * Creates a load.
   *
   * @param depth the number of open messages of each connection; 0 if the caller sends them
   */
  Load(WireFormat<I, O> format, byte[] message, int depth) {
    this.format = format;
    this.message = message;
    this.depth = depth;
  }

  @Override
  public void onConnect(Connection<O> connection) {
    Line<O> line = new Line<>(connection);
    connection.attach(line);
    lines.add(line);
  }

  /** Begins to measure, in place of the measurement so far. */
  Progress measure(double seconds, @Nullable PrintStream shown) {
    Progress begun = new Progress(seconds, lost, shown);
    progress = begun;
    return begun;
  }

  /** Sends the first messages. All connections are established. */
  void start() {
    for (Line<O> line : lines) {
      for (int i = 0; i < depth; i++) {
        send(line, System.nanoTime());
      }
    }
  }

  /**
   * Sends a message on the next connection.
   *
   * @param due the time at which it was to be sent
   * @throws IllegalStateException if all connections have closed
   */
  void send(long due) {
    for (int i = 0; i < lines.size(); i++) {
      next = (next + 1) % lines.size();
      Line<O> line = lines.get(next);
      if (!line.isClosed) {
        send(line, due);
        return;
      }
    }
    requireOpen();
  }

  private void send(Line<O> line, long due) {
    line.open.add(due);
    if (!line.connection.send(format.message(message)) && line.open.remove(due)) {
      progress.unsent(due);
    }
  }

  /**
   * Checks that there is a connection.
   *
   * @throws IllegalStateException if all have closed
   */
  void requireOpen() {
    if (lines.stream().allMatch(line -> line.isClosed)) {
      throw new IllegalStateException("all connections have closed: " + closed);
    }
  }

  @Override
  public void onMessage(Connection<O> connection, I answer) {
    @SuppressWarnings("unchecked") // see onConnect
    Line<O> line = connection.attachment(Line.class);
    Long due = line == null ? null : line.open.poll();
    if (line == null || due == null) {
      return; // not an answer
    }
    long now = System.nanoTime();
    progress.answered(due, now, format.isError(answer));
    if (running && depth > 0) {
      send(line, now);
    }
  }

  @Override
  public void onClose(Connection<O> connection, CloseReason reason) {
    Line<?> line = connection.attachment(Line.class);
    if (line == null) {
      return;
    }
    closed = reason;
    line.isClosed = true;
    int unanswered = 0;
    while (line.open.poll() != null) {
      unanswered++;
    }
    lost.add(running ? Math.max(1, unanswered) : unanswered);
  }

  /** Stops sending, and waits for the answers; a message that has none then is an error. */
  void stop() {
    running = false;
    long end = System.nanoTime() + ANSWER_NANOS;
    while (System.nanoTime() < end && !lines.stream().allMatch(line -> line.open.isEmpty())) {
      LockSupport.parkNanos(POLL_NANOS);
    }
    lines.forEach(this::giveUp);
  }

  private void giveUp(Line<O> line) {
    for (Long due; (due = line.open.poll()) != null; ) {
      progress.unanswered(due);
      line.hangs = true;
    }
  }

  /** Closes all connections at the same time. A server that hangs does not close its end. */
  void close() {
    for (Line<O> line : lines) {
      if (line.hangs) {
        line.connection.closeNow();
      } else {
        line.connection.close();
      }
    }
  }
}
