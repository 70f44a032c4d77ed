package dev.jev.plugin;

import dev.jev.Server;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Many clients of one thread that send nothing and record when the server closes. */
final class SilentPeers implements AutoCloseable {

  private static final Duration LIMIT = Duration.ofSeconds(20);

  private final Selector selector = Selector.open();
  private final List<SocketChannel> channels = new ArrayList<>();
  private final ByteBuffer buffer = ByteBuffer.allocate(1);
  private long bytes;

  /** Connects {@code count} clients. */
  SilentPeers(Server server, int count) throws IOException {
    for (int i = 0; i < count; i++) {
      long start = System.nanoTime();
      SocketChannel channel = SocketChannel.open(server.addresses().get(0));
      channel.configureBlocking(false);
      channel.register(selector, SelectionKey.OP_READ, start);
      channels.add(channel);
    }
  }

  /** Waits until all are closed by a FIN; returns the sorted times that they were open. */
  long[] millisUntilClosed() throws IOException {
    List<Long> times = new ArrayList<>();
    long end = System.nanoTime() + LIMIT.toNanos();
    while (times.size() < channels.size() && System.nanoTime() - end < 0) {
      selector.select(
          key -> {
            if (isAtEnd((SocketChannel) key.channel())) {
              times.add((System.nanoTime() - (Long) key.attachment()) / 1_000_000);
              close(key);
            }
          },
          1_000);
    }
    long[] sorted = times.stream().mapToLong(Long::longValue).toArray();
    Arrays.sort(sorted);
    return sorted;
  }

  private boolean isAtEnd(SocketChannel channel) {
    try {
      int read = channel.read(buffer.clear());
      bytes += Math.max(read, 0);
      return read < 0;
    } catch (IOException e) {
      throw new AssertionError("closed by a reset (expected: FIN)", e);
    }
  }

  private static void close(SelectionKey key) {
    try {
      key.channel().close();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Returns the number of bytes that the server has sent. */
  long bytes() {
    return bytes;
  }

  @Override
  public void close() throws IOException {
    for (SocketChannel channel : channels) {
      channel.close();
    }
    selector.close();
  }
}
