package dev.jev;

import dev.jev.Delivery.Outcome;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.util.ReferenceCountUtil;
import java.nio.channels.ClosedChannelException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * The packed output of one connection: the pack buffer, and the writes and flushes to Netty.
 *
 * <p><b>Frames of the protocol.</b> A protocol may write one frame in several calls of {@link
 * ProtocolContext#write}. A write to Netty may call handlers and observers of plugins, which may
 * send. So the bytes of the protocol are only taken here, and written when it has returned.
 *
 * <p>A superclass of {@link Outbound} rather than a field, to save one object per connection.
 */
abstract class PackedOutput<O> {

  /** Size of unflushed output at which it is flushed before the end of the turn. */
  private static final int SPILL_BYTES = 32 * 1024;

  /** Minimum length of a zero-copy tail; a shorter one costs less to copy than to write. */
  static final int MIN_TAIL_BYTES = 4 * 1024;

  /** The same while output waits for the socket, where a tail would pin the buffer it lies in. */
  private static final int MIN_PENDING_TAIL_BYTES = 32 * 1024;

  /**
   * Estimated memory of a write in the handlers of plugins, in addition to its bytes: the objects
   * of the buffer and of the promise, and the entry of a queue.
   */
  private static final int WRITE_BYTES = 256;

  final StreamConnection<?, O> connection;

  // Event loop only.
  private @Nullable ByteBuf packBuffer;
  private int takenIndex; // packBuffer is written, or in taken, up to this index
  private boolean packBufferWritten; // in part
  private @Nullable ArrayDeque<ByteBuf> taken; // output before that in packBuffer; null if none
  private int unflushedBytes; // written but not flushed
  private @Nullable List<CompletableFuture<Void>> packedFutures; // of the messages in packBuffer
  private boolean writtenMarkerPending; // an empty write, after which plugins are notified
  private boolean writing; // plugins may be called, maybe between two parts of a message

  // Volatile: written by the event loop, read by any thread.
  private volatile long pipelineBytes; // bytes in the handlers of plugins and after them
  private volatile boolean pipelineOverWatermark;

  PackedOutput(StreamConnection<?, O> connection) {
    this.connection = connection;
  }

  // Any thread.

  /** Returns whether the output is below its watermark, without regard to the mailbox. */
  final boolean isChannelWritable() {
    return connection.channel().isWritable() && !pipelineOverWatermark;
  }

  /** Returns the number of bytes that are written and that the socket has not taken. */
  final long pendingInChannel() {
    if (!connection.isDirect()) {
      return pipelineBytes;
    }
    ChannelOutboundBuffer buffer = connection.channel().unsafe().outboundBuffer();
    return buffer == null ? 0 : buffer.totalPendingWriteBytes();
  }

  // Event loop only.

  /**
   * Packs a message behind the packed output, and consumes it unless it is {@code lent}. If
   * anything fails, the output is as before.
   */
  final void pack(O message, boolean lent) {
    ByteBuf out = null;
    int start = 0;
    ByteBuf uncopied = null;
    boolean consumed = lent;
    try {
      out = packBuffer();
      start = out.writerIndex();
      ByteBuf tail = connection.driver().pack(message, out);
      if (tail != null) {
        uncopied = copyIfShort(tail, minTailBytes(), out);
      }
      if (!lent) {
        consumed = true;
        connection.loop().ownership().release(message);
      }
      if (uncopied != null) {
        takeOrWritePacked(); // may fail for lack of memory
      }
    } catch (Throwable t) {
      if (out != null) {
        out.writerIndex(Math.max(start, takenIndex));
        connection.driver().undoPack();
      }
      ReferenceCountUtil.safeRelease(uncopied);
      ReferenceCountUtil.safeRelease(consumed ? null : message);
      throw t;
    }
    if (uncopied != null) {
      takeOrWrite(uncopied);
    }
  }

  /** Packs a message into a new buffer, and consumes it unless it is {@code lent}. */
  final ByteBuf packAlone(O message, boolean lent) {
    ByteBuf packed = null;
    boolean consumed = lent;
    try {
      packed = connection.driver().pack(message);
      if (!lent) {
        consumed = true;
        connection.loop().ownership().release(message);
      }
      return packed;
    } catch (Throwable t) {
      connection.driver().undoPack();
      ReferenceCountUtil.safeRelease(packed);
      ReferenceCountUtil.safeRelease(consumed ? null : message);
      throw t;
    }
  }

  private ByteBuf packBuffer() {
    if (packBufferWritten && hasFlushedOutput()) {
      // The handler of a plugin has flushed a part of the buffer, which must not grow then.
      takePacked(/* last= */ true);
    }
    ByteBuf out = packBuffer;
    if (out == null) {
      out = connection.loop().borrowPackBuffer();
      packBuffer = out;
      packBufferWritten = false;
      takenIndex = out.writerIndex();
    }
    return out;
  }

  private boolean hasFlushedOutput() {
    ChannelOutboundBuffer buffer = connection.channel().unsafe().outboundBuffer();
    return buffer != null && buffer.size() > 0;
  }

  final long unwrittenBytes() {
    return taken == null ? packedBytes() : takenBytes(taken) + packedBytes();
  }

  private static long takenBytes(ArrayDeque<ByteBuf> taken) {
    long all = 0;
    for (ByteBuf bytes : taken) {
      all += bytes.readableBytes();
    }
    return all;
  }

  private int packedBytes() {
    ByteBuf out = packBuffer;
    return out == null ? 0 : out.writerIndex() - takenIndex;
  }

  /** Appends bytes of the protocol to the output, without a write; long ones are not copied. */
  final void take(ByteBuf bytes) {
    if (packBuffer != null
        && packBuffer.writerIndex() >= SPILL_BYTES
        && !connection.driver().isPacking()) {
      takePacked(/* last= */ true); // in place of a buffer that grows
    }
    ByteBuf uncopied = copyIfShort(bytes, minTailBytes(), packBuffer());
    if (uncopied != null) {
      takePacked(/* last= */ false);
      addTaken(uncopied);
    }
  }

  /** Takes the packed bytes out of the pack buffer; {@code last} if no more are packed into it. */
  private void takePacked(boolean last) {
    ByteBuf out = packBuffer;
    if (out == null) {
      return;
    }
    if (packedBytes() > 0) {
      addTaken(takeUnwritten(out, last));
    }
    if (last) {
      releasePackBuffer(out);
    }
  }

  private void addTaken(ByteBuf bytes) {
    if (taken == null) {
      taken = new ArrayDeque<>(4);
    }
    taken.add(bytes);
  }

  private int minTailBytes() {
    return taken != null || pendingInChannel() > 0 ? MIN_PENDING_TAIL_BYTES : MIN_TAIL_BYTES;
  }

  /** Appends bytes to the packed output, copied if they are fewer than {@code min}. */
  final void append(ByteBuf bytes, int min) {
    ByteBuf uncopied = copyIfShort(bytes, min, packBuffer());
    if (uncopied != null) {
      writeUncopied(uncopied);
    }
  }

  /** Copies bytes that are fewer than {@code min}; returns longer ones as a retained slice. */
  private static @Nullable ByteBuf copyIfShort(ByteBuf bytes, int min, ByteBuf out) {
    int length = bytes.readableBytes();
    if (length >= min) {
      return bytes.retainedSlice();
    }
    bytes.getBytes(bytes.readerIndex(), out.ensureWritable(length), length);
    return null;
  }

  /** Writes bytes behind the packed output, and consumes them. */
  private void writeUncopied(ByteBuf bytes) {
    try {
      takeOrWritePacked();
    } catch (Throwable t) {
      bytes.release();
      throw t;
    }
    takeOrWrite(bytes);
  }

  /** Writes the packed output, or only takes it inside a call of the protocol. */
  private void takeOrWritePacked() {
    if (connection.driver().isInProtocolCall()) {
      takePacked(/* last= */ false);
    } else {
      writePacked(/* last= */ false);
    }
  }

  /** Writes bytes after {@link #takeOrWritePacked}, or only takes them; consumes them. */
  private void takeOrWrite(ByteBuf bytes) {
    if (connection.driver().isInProtocolCall()) {
      addTaken(bytes);
    } else {
      write(bytes, connection.context().voidPromise());
    }
  }

  final void track(CompletableFuture<Void> written) {
    if (packedFutures == null) {
      packedFutures = new ArrayList<>(2);
    }
    packedFutures.add(written);
  }

  /** Writes the packed bytes to Netty; {@code last} if no more are packed into the buffer. */
  final void writePacked(boolean last) {
    if (taken != null) {
      writeTaken();
    }
    ByteBuf out = packBuffer;
    boolean due = packedBytes() > 0 || packedFutures != null;
    ByteBuf bytes = due && out != null ? takeUnwritten(out, last) : Unpooled.EMPTY_BUFFER;
    if (last && out != null) { // before the write, during which the handler of a plugin may send
      releasePackBuffer(out);
    }
    if (due) {
      packBufferWritten = !last;
      write(bytes, takePromise());
    }
  }

  private void writeTaken() {
    for (ByteBuf bytes; taken != null && (bytes = taken.poll()) != null; ) {
      packBufferWritten = packBuffer != null;
      write(bytes, connection.context().voidPromise());
    }
    taken = null;
  }

  /** Returns the packed bytes that are not written yet, which the caller has to release. */
  private ByteBuf takeUnwritten(ByteBuf out, boolean last) {
    int start = takenIndex;
    int length = out.writerIndex() - start;
    ByteBuf bytes;
    if (length == 0) { // the futures are those of a tail
      bytes = Unpooled.EMPTY_BUFFER;
    } else if (pendingInChannel() > 0 || connection.isWriteDeferred()) {
      // Output that waits for the socket should hold no more memory than it needs.
      bytes = Loop.ALLOCATOR.directBuffer(length);
      out.getBytes(start, bytes, length);
    } else if (last && start == 0 && !connection.loop().publishing) {
      bytes = out.retain();
    } else {
      bytes = out.retainedSlice(start, length);
    }
    takenIndex = out.writerIndex();
    return bytes;
  }

  private void releasePackBuffer(ByteBuf out) {
    connection.loop().packed(out);
    out.release();
    packBuffer = null;
  }

  final void write(ByteBuf bytes, ChannelPromise promise) {
    int length = bytes.readableBytes();
    unflushedBytes += Math.max(length, 1);
    boolean nested = writing;
    writing = true;
    try {
      if (connection.isDirect()) {
        connection.context().write(bytes, promise);
      } else {
        writeThroughPlugins(bytes, length, promise.isVoid() ? promise(List.of()) : promise);
      }
    } finally {
      writing = nested;
    }
  }

  /**
   * Returns whether a write is in progress. It may have called a handler or an observer of a plugin
   * that now uses the connection: no output may overtake the bytes of this write, nor come between
   * them and the rest of their message.
   */
  final boolean isWriting() {
    return writing;
  }

  /** Writes through the plugins' handlers, which may keep bytes, so these are counted here. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  private void writeThroughPlugins(ByteBuf bytes, int length, ChannelPromise promise) {
    int size = length + WRITE_BYTES;
    pipelineBytes += size;
    if (pipelineBytes > connection.config().highWatermark()) {
      pipelineOverWatermark = true;
      connection.blockOutput();
    }
    connection.context().write(bytes, promise);
    promise.addListener(
        done -> {
          pipelineBytes -= size;
          if (pipelineOverWatermark && pipelineBytes < connection.config().lowWatermark()) {
            pipelineOverWatermark = false;
            connection.turnSoon();
          }
        });
  }

  final ChannelPromise takePromise() {
    List<CompletableFuture<Void>> futures = packedFutures;
    packedFutures = null;
    return futures == null ? connection.context().voidPromise() : promise(futures);
  }

  /** Returns a promise whose failure closes the connection, unless a close is on its way anyway. */
  private ChannelPromise promise(List<CompletableFuture<Void>> futures) {
    return connection
        .context()
        .newPromise()
        .addListener(
            done -> {
              Completions completions = connection.loop().completions();
              futures.forEach(future -> completions.add(future, done.cause()));
              if (!done.isSuccess() && !(done.cause() instanceof ClosedChannelException)) {
                connection
                    .lifecycle()
                    .abort(new CloseReason(CloseReason.Kind.IO_ERROR, done.cause()));
              }
            });
  }

  /** Flushes what is written, if anything is. */
  final void flushWritten() {
    if (unflushedBytes == 0) {
      return;
    }
    int bytes = unflushedBytes;
    unflushedBytes = 0;
    if (connection.observers().isEmpty()) {
      connection.context().flush();
      return;
    }
    connection.observers().flushing(bytes);
    connection.context().flush();
    notifyWhenWritten();
  }

  /** Notifies the plugins when the socket has taken all output. */
  private void notifyWhenWritten() {
    if (writtenMarkerPending) {
      return;
    }
    if (pendingInChannel() == 0) {
      connection.observers().written();
      return;
    }
    writtenMarkerPending = true;
    connection
        .context()
        .writeAndFlush(Unpooled.EMPTY_BUFFER)
        .addListener(
            done -> {
              writtenMarkerPending = false;
              if (done.isSuccess()) { // later: the marker still counts as pending
                connection.loop().executor().execute(this::notifyWhenWritten);
              }
            });
  }

  /** Flushes what is written; the promise completes when the socket has taken it. */
  final void flushWritten(ChannelPromise promise) {
    if (unflushedBytes > 0) {
      connection.observers().flushing(unflushedBytes);
      unflushedBytes = 0;
    }
    connection.context().writeAndFlush(Unpooled.EMPTY_BUFFER, promise);
  }

  /** Returns whether so much output has gathered that it is flushed before the end of the turn. */
  final boolean isSpillDue() {
    return unwrittenBytes() + unflushedBytes >= SPILL_BYTES;
  }

  /** Returns whether there is packed output that is not flushed. */
  final boolean hasPacked() {
    return unwrittenBytes() > 0 || unflushedBytes > 0 || packedFutures != null;
  }

  /** Drops the packed output, since the connection is closed. */
  final void releasePacked() {
    if (packBuffer != null) {
      releasePackBuffer(packBuffer);
    }
    if (taken != null) {
      taken.forEach(ByteBuf::release);
      taken = null;
    }
    if (packedFutures != null) {
      Completions completions = connection.loop().completions();
      packedFutures.forEach(future -> Undelivered.drop("", future, Outcome.CLOSED, completions));
      packedFutures = null;
    }
  }
}
