package dev.jev.cli;

import dev.jev.CloseReason;
import dev.jev.Connection;
import dev.jev.Handler;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.HdrHistogram.Recorder;
import org.jspecify.annotations.Nullable;

/**
 * Connections that send messages and time the answers, which come in the order of the messages.
 *
 * @param <I> the type of the answers
 * @param <O> the type of the messages
 */
final class Load<I, O> implements Handler<I, O> {

  private static final long MAX_NANOS = TimeUnit.HOURS.toNanos(1);

  /** A connection with the times at which its open messages were sent, or were to be sent. */
  private static final class Line<O> {

    private final Connection<O> connection;
    private final Queue<Long> open = new ConcurrentLinkedQueue<>();

    Line(Connection<O> connection) {
      this.connection = connection;
    }
  }

  final Recorder latencies = new Recorder(3);
  final LongAdder errors = new LongAdder();

  private final WireFormat<I, O> format;
  private final byte[] message;
  private final int depth;
  private final List<Line<O>> lines = new CopyOnWriteArrayList<>();
  private int next; // line; used by one thread
  private volatile boolean running;
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

  void start() {
    running = true;
    for (Line<O> line : lines) {
      for (int i = 0; i < depth; i++) {
        send(line, System.nanoTime());
      }
    }
  }

  void stop() {
    running = false;
  }

  /**
   * Sends a message on the next connection.
   *
   * @param due the time at which it was to be sent
   */
  void send(long due) {
    if (lines.isEmpty()) {
      throw new IllegalStateException("all connections have closed: " + closed);
    }
    next = (next + 1) % lines.size();
    send(lines.get(next), due);
  }

  private void send(Line<O> line, long due) {
    line.open.add(due);
    if (!line.connection.send(format.message(message)) && line.open.remove(due)) {
      errors.increment();
    }
  }

  @Override
  public void onMessage(Connection<O> connection, I answer) {
    @SuppressWarnings("unchecked") // see onConnect
    Line<O> line = connection.attachment(Line.class);
    Long sent = line == null ? null : line.open.poll();
    if (line == null || sent == null) {
      return; // not an answer
    }
    long now = System.nanoTime();
    latencies.recordValue(Math.min(Math.max(now - sent, 0), MAX_NANOS));
    if (format.isError(answer)) {
      errors.increment();
    }
    if (running && depth > 0) {
      send(line, now);
    }
  }

  @Override
  public void onClose(Connection<O> connection, CloseReason reason) {
    Line<?> line = connection.attachment(Line.class);
    if (running && line != null) {
      closed = reason;
      errors.add(Math.max(1, line.open.size()));
      lines.remove(line);
    }
  }
}
