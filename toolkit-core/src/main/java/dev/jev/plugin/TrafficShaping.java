package dev.jev.plugin;

import dev.jev.CloseReason;
import dev.jev.Plugin;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Limits the bytes per second that pass through the sockets, per connection and in total.
 *
 * <p>Bytes over the rate are delayed; none are dropped. Delayed output counts as {@link
 * dev.jev.Connection#pendingBytes pending} until it is written, so that the watermarks, the limit
 * and the overflow policy of the server apply to it. Delayed input is not read, so that the peer's
 * output waits. A socket is read in batches of up to 256 KiB, whatever the rate; each is followed
 * by a pause that makes up for it. A connection that closes has the server's {@code closeTimeout}
 * to write its delayed output.
 *
 * <p>Bytes that the rate would have allowed within the last 100 ms, and that were not used, may be
 * made up for. Connections that share a rate take turns.
 *
 * <p>The bytes that count are those at the {@link Plugin.Stage#SOCKET socket}: encrypted,
 * compressed. One instance may shape several servers and clients, which then share the total.
 *
 * <p>Reading is slowed by pauses; {@code autoRead} is left to the connection.
 */
public final class TrafficShaping implements Plugin {

  /** Minimum pause in reading; a shorter one is made up for after the next read. */
  private static final long MIN_PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private static final int MIN_CHUNK_BYTES = 64;
  private static final int MAX_CHUNK_BYTES = 64 * 1024;

  private final long readRate;
  private final long writeRate;
  private final ByteRate allReads;
  private final ByteRate allWrites;
  private final int maxChunkBytes;

  private TrafficShaping(Builder builder) {
    readRate = builder.readRate;
    writeRate = builder.writeRate;
    allReads = new ByteRate(builder.totalReadRate);
    allWrites = new ByteRate(builder.totalWriteRate);
    long bytesPerInterval = Math.min(writeRate, builder.totalWriteRate) / 20; // 50 ms each
    maxChunkBytes = (int) Math.max(Math.min(bytesPerInterval, MAX_CHUNK_BYTES), MIN_CHUNK_BYTES);
  }

  /** Begins the configuration; a rate that is not set is not limited. */
  public static Builder builder() {
    return new Builder();
  }

  @Override
  public Stage stage() {
    return Stage.SOCKET;
  }

  @Override
  public Observer install(Link link) {
    Shaper shaper = new Shaper(link);
    link.pipeline().addLast(shaper);
    link.connection().attribute(Shaper.class, shaper);
    return shaper;
  }

  /** Shapes the traffic of one connection. */
  final class Shaper extends ChannelDuplexHandler implements Observer {

    private record PendingWrite(ByteBuf bytes, ChannelPromise promise) {}

    private final Link link;
    private final ByteRate reads = new ByteRate(readRate);
    private final ByteRate writes = new ByteRate(writeRate);
    private final ArrayDeque<PendingWrite> queue = new ArrayDeque<>();
    private long resumeNanos; // when reading may resume, if paused
    private boolean paused;
    private long writtenBytes;
    private int chunkBytes; // of the first write in the queue, with a time reserved; or 0
    private long chunkNanos;
    private @Nullable ScheduledFuture<?> timer;

    Shaper(Link link) {
      this.link = link;
    }

    /** Returns the number of bytes that were passed on to the socket. */
    long writtenBytes() {
      return writtenBytes;
    }

    // Reading: bytes are charged after they were read.

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      if (message instanceof ByteBuf bytes) {
        charge(bytes.readableBytes());
      }
      ctx.fireChannelRead(message);
    }

    private void charge(int bytes) {
      long now = System.nanoTime();
      long own = reads.reserve(bytes, now) + reads.nanos(bytes) - now;
      long all = allReads.reserve(bytes, now) + allReads.nanos(bytes) - now;
      long wait = Math.max(own, all);
      resumeNanos = now + wait;
      if (wait >= MIN_PAUSE_NANOS && !paused) {
        paused = true;
        link.pauseReading();
        resumeLater(wait);
      }
    }

    private void resumeLater(long nanos) {
      link.connection().runAfter(Duration.ofNanos(nanos), this::resume);
    }

    private void resume() {
      long left = resumeNanos - System.nanoTime();
      if (left > 0) {
        resumeLater(left);
      } else {
        paused = false;
        link.resumeReading();
      }
    }

    // Writing: each chunk is written at the time that was reserved for it.

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
      if (ctx.channel().isActive()) {
        queue.add(new PendingWrite((ByteBuf) message, promise));
      } else {
        ctx.write(message, promise); // fails the promise
      }
    }

    @Override
    public void flush(ChannelHandlerContext ctx) {
      if (timer == null) {
        writeDue(ctx);
      }
      ctx.flush();
    }

    private void writeDue(ChannelHandlerContext ctx) {
      for (PendingWrite first; (first = queue.peek()) != null; ) {
        long wait = reserve(first.bytes().readableBytes());
        if (wait > 0) {
          timer = ctx.executor().schedule(() -> timerFired(ctx), wait, TimeUnit.NANOSECONDS);
          return;
        }
        writeChunk(ctx, first);
      }
    }

    private void timerFired(ChannelHandlerContext ctx) {
      timer = null;
      flush(ctx);
    }

    /**
     * Reserves the time of the next chunk, unless it has one; returns the nanoseconds until that
     * time.
     */
    private long reserve(int bytes) {
      long now = System.nanoTime();
      if (chunkBytes == 0 && bytes > 0) {
        chunkBytes = Math.min(bytes, maxChunkBytes);
        long own = writes.reserve(chunkBytes, now) - now;
        long all = allWrites.reserve(chunkBytes, now) - now;
        chunkNanos = now + Math.max(own, all);
      }
      return bytes == 0 ? 0 : chunkNanos - now;
    }

    private void writeChunk(ChannelHandlerContext ctx, PendingWrite first) {
      int length = chunkBytes;
      chunkBytes = 0;
      writtenBytes += length;
      if (length < first.bytes().readableBytes()) {
        ctx.write(first.bytes().readRetainedSlice(length), ctx.voidPromise());
      } else {
        queue.remove();
        ctx.write(first.bytes(), first.promise());
      }
    }

    // Closing.

    /**
     * Drops delayed output, unless the connection was detached: then the channel is still in use.
     */
    @Override
    public void closed(CloseReason reason) {
      if (!link.pipeline().channel().isActive()) {
        drop();
      }
    }

    @Override
    public void close(ChannelHandlerContext ctx, ChannelPromise promise) {
      drop();
      ctx.close(promise);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      drop();
      ctx.fireChannelInactive();
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
      drop();
    }

    private void drop() {
      if (timer != null) {
        timer.cancel(/* mayInterruptIfRunning= */ false);
        timer = null;
      }
      for (PendingWrite pending; (pending = queue.poll()) != null; ) {
        pending.bytes().release();
        pending.promise().tryFailure(new ClosedChannelException());
      }
    }
  }

  /** The configuration of {@link TrafficShaping}. Every setter checks its value at once. */
  public static final class Builder {

    private long readRate = ByteRate.UNLIMITED;
    private long writeRate = ByteRate.UNLIMITED;
    private long totalReadRate = ByteRate.UNLIMITED;
    private long totalWriteRate = ByteRate.UNLIMITED;

    private Builder() {}

    /** Sets the maximum number of bytes per second that are read from one connection. */
    public Builder readBytesPerSecond(long bytes) {
      readRate = Checks.inRange("readBytesPerSecond", bytes, 1, ByteRate.UNLIMITED);
      return this;
    }

    /** Sets the maximum number of bytes per second that are written to one connection. */
    public Builder writeBytesPerSecond(long bytes) {
      writeRate = Checks.inRange("writeBytesPerSecond", bytes, 1, ByteRate.UNLIMITED);
      return this;
    }

    /** Sets the maximum number of bytes per second that are read from all connections together. */
    public Builder totalReadBytesPerSecond(long bytes) {
      totalReadRate = Checks.inRange("totalReadBytesPerSecond", bytes, 1, ByteRate.UNLIMITED);
      return this;
    }

    /** Sets the maximum number of bytes per second that are written to all connections together. */
    public Builder totalWriteBytesPerSecond(long bytes) {
      totalWriteRate = Checks.inRange("totalWriteBytesPerSecond", bytes, 1, ByteRate.UNLIMITED);
      return this;
    }

    /** Returns the plugin. */
    public TrafficShaping build() {
      return new TrafficShaping(this);
    }
  }
}
