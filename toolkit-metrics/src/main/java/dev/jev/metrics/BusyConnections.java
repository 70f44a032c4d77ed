package dev.jev.metrics;

import io.netty.channel.EventLoop;
import java.util.ArrayList;
import java.util.List;

/**
 * The connections of one event loop that may hold bytes: pending output, or input that is not
 * handled.
 *
 * <p>A connection joins when it receives or sends, and leaves when the event loop sums up and finds
 * that it holds nothing. So a message costs nothing here, and neither does an idle connection.
 *
 * <p>Event loop only, unless stated otherwise.
 */
final class BusyConnections {

  /** The index of a connection that is not in the list. */
  static final int NONE = -1;

  private final EventLoop loop;
  private final List<MeasuredConnection> connections = new ArrayList<>();

  // Volatile: written by the event loop, read by any thread.
  private volatile boolean summing;
  private volatile long pendingBytes;
  private volatile long bufferedBytes;

  BusyConnections(EventLoop loop) {
    this.loop = loop;
  }

  void add(MeasuredConnection connection) {
    connection.busyIndex = connections.size();
    connections.add(connection);
  }

  void remove(MeasuredConnection connection) {
    MeasuredConnection last = connections.remove(connections.size() - 1);
    if (last != connection) {
      connections.set(connection.busyIndex, last);
      last.busyIndex = connection.busyIndex;
    }
    connection.busyIndex = NONE;
    if (connections.isEmpty()) {
      pendingBytes = 0;
      bufferedBytes = 0;
    }
  }

  /** Lets the event loop sum up, unless it is about to. Any thread. */
  void sumSoon() {
    if (!summing) {
      summing = true;
      loop.execute(this::sum);
    }
  }

  private void sum() {
    summing = false;
    long pending = 0;
    long buffered = 0;
    for (int i = connections.size() - 1; i >= 0; i--) {
      MeasuredConnection connection = connections.get(i);
      long bytes = connection.link().bufferedBytes();
      if (bytes == 0) {
        remove(connection);
      }
      pending += connection.link().connection().pendingBytes();
      buffered += bytes;
    }
    pendingBytes = pending;
    bufferedBytes = buffered;
  }

  /** Returns the pending bytes at the last sum. Any thread. */
  long pendingBytes() {
    return pendingBytes;
  }

  /** Returns the buffered bytes at the last sum, including those that are pending. Any thread. */
  long bufferedBytes() {
    return bufferedBytes;
  }
}
