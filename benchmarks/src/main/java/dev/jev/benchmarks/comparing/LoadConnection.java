package dev.jev.benchmarks.comparing;

import dev.jev.benchmarks.shared.BenchmarkException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import org.HdrHistogram.Histogram;

/**
 * One connection of the load generator. Keeps {@code depth} messages in flight and checks every
 * byte.
 *
 * <p>The messages in flight are stored in a ring of {@code depth} slots, exactly as they were
 * written. Replies arrive in order, so the received bytes must equal the bytes of the ring at the
 * position where the last reply ended. A slot is overwritten with the next message only when its
 * reply is complete. Each payload begins with a number that is unique in the run, so that a lost,
 * repeated or swapped message is a mismatch, too.
 */
final class LoadConnection implements AutoCloseable {

  private final int index;
  private final LoadProtocol protocol;
  private final int depth;
  private final int requestBytes;
  private final int replyBytes;
  private final SocketChannel channel;
  private final SelectionKey key;

  private final ByteBuffer ring;
  private final ByteBuffer replies;
  private final ByteBuffer expected;
  private final ByteBuffer tail;
  private final ByteBuffer head;
  private final ByteBuffer[] wrapped;
  private final long[] writtenAtNanos;

  // Positions in the stream, counted from the first byte of the connection.
  private long queuedMessages;
  private long writtenBytes;
  private long receivedBytes;

  LoadConnection(
      int index,
      InetSocketAddress server,
      LoadProtocol protocol,
      int payloadBytes,
      int depth,
      Selector selector)
      throws IOException {
    this.index = index;
    this.protocol = protocol;
    this.depth = depth;
    this.channel = connect(server);
    protocol.open(channel.socket());
    byte[][] requests = new byte[depth][];
    byte[][] awaited = new byte[depth][];
    for (int slot = 0; slot < depth; slot++) {
      byte[] payload =
          protocol.payload(
              payloadBytes, protocol != LoadProtocol.WS_DEFLATE ? (long) index * depth + slot : 0);
      requests[slot] = protocol.request(payload);
      awaited[slot] = protocol.reply(channel.socket(), payload);
    }
    this.requestBytes = requests[0].length;
    this.replyBytes = awaited[0].length;
    this.ring = ring(requests);
    this.replies = protocol.isVerbatim() ? ring : ring(awaited);
    this.expected = replies.duplicate();
    this.tail = ring.duplicate();
    this.head = ring.duplicate();
    this.wrapped = new ByteBuffer[] {tail, head};
    this.writtenAtNanos = new long[depth];
    channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    channel.configureBlocking(false);
    this.key = channel.register(selector, SelectionKey.OP_READ, this);
  }

  /** Writes the first {@code depth} messages. */
  void start() throws IOException {
    queue(depth);
    flush();
  }

  /**
   * Reads once, checks the bytes, records the latency of each complete reply, and sends as many new
   * messages.
   */
  void onReadable(ByteBuffer scratch, Histogram latencyNanos) throws IOException {
    scratch.clear();
    int count = channel.read(scratch);
    long now = System.nanoTime();
    if (count < 0) {
      throw new BenchmarkException(
          this + ": closed by the server after " + receivedBytes + " bytes (expected: open)");
    }
    if (receivedBytes + count > queuedMessages * replyBytes) {
      throw new BenchmarkException(
          "%s: %d bytes received (expected: <= %d, as sent)"
              .formatted(this, receivedBytes + count, queuedMessages * replyBytes));
    }
    scratch.flip();
    check(scratch);
    long from = messagesReceived();
    receivedBytes += count;
    long to = messagesReceived();
    for (long message = from; message < to; message++) {
      latencyNanos.recordValue(now - writtenAtNanos[(int) (message % depth)]);
    }
    if (to > from) {
      queue((int) (to - from));
      flush();
    }
  }

  void onWritable() throws IOException {
    flush();
  }

  /** Returns the number of complete replies since the connection was opened. */
  long messagesReceived() {
    return receivedBytes / replyBytes;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }

  private static ByteBuffer ring(byte[][] slots) {
    ByteBuffer ring = ByteBuffer.allocateDirect(slots.length * slots[0].length);
    for (byte[] slot : slots) {
      ring.put(slot);
    }
    return ring.clear();
  }

  private static SocketChannel connect(InetSocketAddress server) throws IOException {
    try {
      return SocketChannel.open(server);
    } catch (ConnectException e) {
      throw new BenchmarkException("server " + server + ": " + e.getMessage());
    }
  }

  private void check(ByteBuffer arrived) {
    long position = receivedBytes;
    int end = arrived.limit();
    while (arrived.position() < end) {
      int at = (int) (position % replies.capacity());
      int length = Math.min(end - arrived.position(), replies.capacity() - at);
      arrived.limit(arrived.position() + length);
      expected.limit(at + length).position(at);
      int mismatch = expected.mismatch(arrived);
      if (mismatch >= 0) {
        throw new BenchmarkException(
            "%s: message %d: byte %d: 0x%02x (expected: 0x%02x, as sent)"
                .formatted(
                    this,
                    (position + mismatch) / replyBytes,
                    (position + mismatch) % replyBytes,
                    arrived.get(arrived.position() + mismatch),
                    replies.get(at + mismatch)));
      }
      arrived.position(arrived.limit()).limit(end);
      position += length;
    }
  }

  /** Numbers the next messages and records their start times. A latency includes the write. */
  private void queue(int messages) {
    long now = System.nanoTime();
    for (int i = 0; i < messages; i++) {
      int slot = (int) (queuedMessages % depth);
      long number = ((long) index << 40) | queuedMessages;
      protocol.number(ring, slot * requestBytes, replies, slot * replyBytes, number);
      writtenAtNanos[slot] = now;
      queuedMessages++;
    }
  }

  private void flush() throws IOException {
    long pending = queuedMessages * requestBytes - writtenBytes;
    int at = (int) (writtenBytes % ring.capacity());
    long written;
    if (at + pending <= ring.capacity()) {
      tail.limit((int) (at + pending)).position(at);
      written = channel.write(tail);
    } else {
      tail.limit(ring.capacity()).position(at);
      head.limit((int) (at + pending - ring.capacity())).position(0);
      written = channel.write(wrapped);
    }
    writtenBytes += written;
    int interest =
        written < pending ? SelectionKey.OP_READ | SelectionKey.OP_WRITE : SelectionKey.OP_READ;
    if (key.interestOps() != interest) {
      key.interestOps(interest);
    }
  }

  @Override
  public String toString() {
    return "connection " + index;
  }
}
