package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;
import dev.jev.benchmarks.shared.WebSocketFrames;
import dev.jev.benchmarks.shared.WebSocketHandshake;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.Histogram;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Subscribes to a server that pushes {@link TimestampedMessage}s over WebSocket. Counts the
 * messages, measures their latencies, and prints one line of JSON.
 *
 * <p>One thread reads all connections, so that a latency includes the wait for the connections
 * before it. This is the same for every server.
 */
@Command(
    name = "subscribe",
    description = "Receives what a server pushes and prints one line of JSON.")
public final class SubscriberCommand implements Callable<Integer> {

  private static final long MAX_LATENCY_NANOS = TimeUnit.MINUTES.toNanos(1);
  private static final int BATCH = 200;
  private static final int READ_BYTES = 64 * 1024;
  private static final int STOPPED_RECEIVE_BYTES = 4 * 1024;
  private static final long SELECT_MILLIS = 100;

  @Option(names = "--port", required = true)
  private int port;

  @Option(names = "--connections", description = "default: 500")
  private int connections = 500;

  @Option(
      names = "--stopped",
      description = "additional connections that read nothing (default: 0)")
  private int stopped;

  @Option(names = "--size", description = "bytes of a published message (default: 64)")
  private int size = 64;

  @Option(
      names = "--warmup-seconds",
      description = "warm-up before the measured window (default: 3)")
  private double warmupSeconds = 3;

  @Option(names = "--seconds", description = "length of the measured window (default: 10)")
  private double seconds = 10;

  @Option(names = "--server-pid", description = "server process whose CPU time is read")
  private long serverPid;

  private final Histogram latencyNanos = new Histogram(MAX_LATENCY_NANOS, 3);
  private final ByteBuffer scratch = ByteBuffer.allocateDirect(READ_BYTES);

  @Override
  public Integer call() throws IOException {
    try (Selector selector = Selector.open()) {
      byte[] frame = WebSocketFrames.ofServer(WebSocketFrames.TEXT, new byte[size]);
      for (SocketChannel channel : open(stopped, STOPPED_RECEIVE_BYTES)) {
        channel.register(selector, /* ops= */ 0);
      }
      for (int left = connections; left > 0; left -= BATCH) {
        for (SocketChannel channel : open(Math.min(left, BATCH), /* receiveBytes= */ 0)) {
          channel.register(selector, SelectionKey.OP_READ, new Subscriber(channel, frame));
        }
      }
      readFor(warmupSeconds, selector);
      latencyNanos.reset();
      CpuTime before = CpuTime.read(serverPid);
      double measuredSeconds = readFor(seconds, selector);
      CpuTime used = CpuTime.read(serverPid).since(before);
      long received = latencyNanos.getTotalCount();
      if (received < connections) {
        throw new BenchmarkException(
            received + " messages (expected: at least one per connection)");
      }
      Sample sample =
          new Sample(
              received,
              measuredSeconds,
              used,
              latencyNanos.getValueAtPercentile(50) / 1e3,
              latencyNanos.getValueAtPercentile(99) / 1e3,
              latencyNanos.getMaxValue() / 1e3);
      System.out.println(sample.toJson());
      System.out.flush();
      Runtime.getRuntime().halt(0); // the kernel closes all connections at once
    }
    return 0;
  }

  /** Opens a batch of connections at a time, as the server answers many requests as fast as one. */
  private List<SocketChannel> open(int count, int receiveBytes) throws IOException {
    List<SocketChannel> channels = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      SocketChannel channel = SocketChannel.open();
      if (receiveBytes > 0) {
        channel.setOption(StandardSocketOptions.SO_RCVBUF, receiveBytes);
      }
      channel.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      WebSocketHandshake.MINIMAL.send(channel.socket());
      channels.add(channel);
    }
    for (SocketChannel channel : channels) {
      WebSocketHandshake.MINIMAL.awaitResponse(channel.socket());
      channel.configureBlocking(false);
    }
    return channels;
  }

  private double readFor(double duration, Selector selector) throws IOException {
    long start = System.nanoTime();
    long now = start;
    while (now - start < duration * 1e9) {
      selector.select(this::onReadable, SELECT_MILLIS);
      now = System.nanoTime();
    }
    return (now - start) / 1e9;
  }

  private void onReadable(SelectionKey key) {
    try {
      scratch.clear();
      ((Subscriber) key.attachment()).read(scratch, latencyNanos);
    } catch (IOException e) {
      throw new BenchmarkException("subscriber: " + e.getMessage() + " (expected: open)");
    }
  }

  /** One connection that receives frames of one length. */
  private static final class Subscriber {

    private final SocketChannel channel;
    private final byte[] expected; // except for the payload
    private int frameBytes; // received bytes of the current frame
    private long time; // the received digits of its time

    Subscriber(SocketChannel channel, byte[] expected) {
      this.channel = channel;
      this.expected = expected;
    }

    void read(ByteBuffer scratch, Histogram latencyNanos) throws IOException {
      if (channel.read(scratch) < 0) {
        throw new BenchmarkException("subscriber: closed by the server (expected: open)");
      }
      long now = TimestampedMessage.wallClockNanos();
      int header = expected.length > 127 ? 4 : 2;
      int end = scratch.position();
      for (int at = 0; at < end; ) {
        if (frameBytes == 0 && end - at >= expected.length && scratch.get(at + 1) == expected[1]) {
          record(now - time(scratch, at + header), latencyNanos);
          at += expected.length;
          continue;
        }
        int b = scratch.get(at++);
        if (frameBytes < header && b != expected[frameBytes]) {
          throw new BenchmarkException(
              "frame: byte " + b + " (expected: " + expected[frameBytes] + ")");
        }
        if (frameBytes >= header && frameBytes < header + TimestampedMessage.TIME_BYTES) {
          time = 10 * time + b - '0';
        }
        if (++frameBytes == expected.length) {
          record(now - time, latencyNanos);
          frameBytes = 0;
          time = 0;
        }
      }
    }

    /**
     * Records a latency within limits: the wall clock may be set back, and messages that arrived
     * while other connections were opened are old.
     */
    private static void record(long latency, Histogram latencyNanos) {
      latencyNanos.recordValue(Math.min(Math.max(latency, 0), MAX_LATENCY_NANOS));
    }

    private static long time(ByteBuffer text, int from) {
      long time = 0;
      for (int i = 0; i < TimestampedMessage.TIME_BYTES; i++) {
        time = 10 * time + text.get(from + i) - '0';
      }
      return time;
    }
  }
}
