package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;

/**
 * A closed-loop load on one thread: a new message is sent when the reply to an earlier one is
 * complete.
 *
 * <p>A closed loop shows how much work a server completes and what that work costs. Its latencies
 * are those at full load, not those of a client that sends at a fixed rate.
 */
final class ClosedLoop implements AutoCloseable {

  private static final int READ_BYTES = 256 * 1024;
  private static final long SELECT_MILLIS = 100;
  private static final long STALL_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final Histogram latencyNanos = new Histogram(TimeUnit.MINUTES.toNanos(1), 3);
  private final ByteBuffer scratch = ByteBuffer.allocateDirect(READ_BYTES);
  private final List<LoadConnection> connections = new ArrayList<>();
  private final Selector selector;

  ClosedLoop(
      InetSocketAddress server,
      LoadProtocol protocol,
      int payloadBytes,
      int connectionCount,
      int depth)
      throws IOException {
    selector = Selector.open();
    for (int i = 0; i < connectionCount; i++) {
      connections.add(new LoadConnection(i, server, protocol, payloadBytes, depth, selector));
    }
  }

  /**
   * Loads the server for both durations and measures the second one.
   *
   * @param serverPid the process whose CPU time is read, or 0 for none
   * @throws BenchmarkException if a reply is wrong, a connection is closed, or no reply arrives for
   *     10 s
   */
  Sample run(double warmupSeconds, double seconds, long serverPid) throws IOException {
    for (LoadConnection connection : connections) {
      connection.start();
    }
    loadFor(warmupSeconds);
    latencyNanos.reset();
    long[] before = connections.stream().mapToLong(LoadConnection::messagesReceived).toArray();
    CpuTime cpuBefore = CpuTime.read(serverPid);
    double measuredSeconds = loadFor(seconds);
    CpuTime used = CpuTime.read(serverPid).since(cpuBefore);
    for (int i = 0; i < before.length; i++) {
      if (connections.get(i).messagesReceived() == before[i]) {
        throw new BenchmarkException(
            connections.get(i) + ": 0 replies in " + seconds + " s (expected: >= 1)");
      }
    }
    return new Sample(
        latencyNanos.getTotalCount(),
        measuredSeconds,
        used,
        latencyNanos.getValueAtPercentile(50) / 1e3,
        latencyNanos.getValueAtPercentile(99) / 1e3,
        latencyNanos.getMaxValue() / 1e3);
  }

  @Override
  public void close() throws IOException {
    for (LoadConnection connection : connections) {
      connection.close();
    }
    selector.close();
  }

  private double loadFor(double seconds) throws IOException {
    long start = System.nanoTime();
    long nanos = (long) (seconds * 1e9);
    long lastReplies = latencyNanos.getTotalCount();
    long lastReplyAt = start;
    long now = start;
    try {
      while (now - start < nanos) {
        selector.select(this::onReady, SELECT_MILLIS);
        now = System.nanoTime();
        long replies = latencyNanos.getTotalCount();
        if (replies != lastReplies) {
          lastReplies = replies;
          lastReplyAt = now;
        } else if (now - lastReplyAt > STALL_NANOS) {
          throw new BenchmarkException("server: no reply for 10 s (expected: at least one)");
        }
      }
    } catch (UncheckedIOException failed) {
      throw new BenchmarkException("load: " + failed.getCause() + " (expected: open connections)");
    }
    return (now - start) / 1e9;
  }

  private void onReady(SelectionKey key) {
    LoadConnection connection = (LoadConnection) key.attachment();
    try {
      if (key.isWritable()) {
        connection.onWritable();
      }
      if (key.isReadable()) {
        connection.onReadable(scratch, latencyNanos);
      }
    } catch (IOException failed) {
      throw new UncheckedIOException(connection + ": " + failed.getMessage(), failed);
    }
  }
}
