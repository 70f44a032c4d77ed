package dev.jev;

import dev.jev.Delivery.Outcome;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * The output path of one connection, from messages to the socket.
 *
 * <pre>
 *   other threads --&gt; Mailbox --+
 *                               +--&gt; pack --&gt; packBuffer --&gt; Netty's outbound buffer --&gt; socket
 *   event loop -----------------+      (--&gt; SendQueue --&gt;)
 * </pre>
 *
 * <p><b>Path of a message.</b> A message sent on the event loop is packed at once, after the other
 * messages of the turn, into one pack buffer. The buffer is written and flushed when the turn ends,
 * or earlier when {@link #SPILL_BYTES} have gathered. A message from another thread goes to the
 * mailbox, which wakes the event loop once for all messages that it then finds. Netty's outbound
 * buffer holds the bytes that the socket has not taken.
 *
 * <p><b>Send queue.</b> Bytes in Netty's outbound buffer cannot be dropped, since part of a message
 * may be sent already. So messages that may still be dropped or replaced wait in the send queue
 * while the channel is not writable: messages sent with {@link OverflowPolicy#DROP_OLDEST}, each
 * packed by itself, and published messages. All later output waits behind them.
 *
 * <p><b>Limits.</b> Bytes in all these places are pending, but a check on another thread does not
 * see the pack buffer. A message is over the limit if {@code maxPendingBytes} are pending. The
 * protocol's own bytes have no limit. Above the high watermark the connection stops reading.
 *
 * <p><b>Invariants.</b> The messages of one thread leave in the order of their sends. A future is
 * completed exactly once: when the last byte is written, or when the message is dropped.
 */
final class Outbound<O> implements Runnable {

  /** Size of unflushed output at which it is flushed before the end of the turn. */
  private static final int SPILL_BYTES = 32 * 1024;

  /** Maximum mailbox messages packed per turn, so that other connections of the loop get theirs. */
  private static final int MAX_MESSAGES_PER_TURN = 1024;

  /** Minimum length of a zero-copy tail; a shorter one costs less to copy than to write. */
  private static final int MIN_TAIL_BYTES = 4 * 1024;

  /** The same while output waits for the socket, where a tail would pin the buffer it lies in. */
  private static final int MIN_PENDING_TAIL_BYTES = 32 * 1024;

  private final StreamConnection<?, O> connection;

  // Event loop only.
  private @Nullable ByteBuf packBuffer;
  private int writtenIndex; // packBuffer is written up to this index
  private int unflushedBytes; // written but not flushed
  private @Nullable List<CompletableFuture<Void>> packedFutures; // of the messages in packBuffer
  private boolean writtenMarkerPending; // an empty write, after which plugins are notified

  // Volatile: written by the event loop, read by any thread.
  private volatile long pipelineBytes; // bytes in the handlers of plugins and after them
  private volatile boolean pipelineOverWatermark;

  // Volatile: set once, read by any thread.
  private volatile @Nullable SendQueue sendQueue;
  private volatile @Nullable Mailbox<O> mailbox;

  Outbound(StreamConnection<?, O> connection) {
    this.connection = connection;
  }

  // Any thread.

  Outcome send(O message, @Nullable CompletableFuture<Void> written) {
    Outcome outcome = offer(message, written);
    if (outcome == Outcome.CLOSED) {
      disown(message);
      Undelivered.drop(message, written, outcome);
    }
    return outcome;
  }

  /** Sends like {@link #send}, but does not consume the message if the outcome is CLOSED. */
  Outcome offer(O message, @Nullable CompletableFuture<Void> written) {
    if (!connection.lifecycle().acceptsMessages()) {
      return Outcome.CLOSED;
    }
    disown(message);
    if (connection.inEventLoop()) {
      return admits() ? pack(message, written) : overflow(message, written);
    }
    return post(Mailbox.Envelope.of(message, written));
  }

  private void disown(O message) {
    MessageOwnership ownership =
        connection.inEventLoop() ? connection.loop().ownership() : MessageOwnership.current();
    if (ownership != null) {
      ownership.disown(message);
    }
  }

  private Outcome post(Mailbox.Envelope<O> envelope) {
    Mailbox<O> box = mailbox();
    long before = box.reserve(envelope);
    if (!admits(before + pendingOnLoop())) {
      box.cancel(envelope);
      return overflow(envelope.message(), envelope.written());
    }
    if (isDropOldest()) {
      dropOldest(box);
    }
    if (box.add(envelope)) {
      try {
        connection.loop().executor().execute(this);
      } catch (RejectedExecutionException e) { // the server has stopped
        box.clearWakeup();
        drain(box);
      }
    }
    return Outcome.TAKEN;
  }

  private Mailbox<O> mailbox() {
    Mailbox<O> box = mailbox;
    if (box != null) {
      return box;
    }
    synchronized (this) {
      if (mailbox == null) {
        mailbox = new Mailbox<>(connection.config().highWatermark());
      }
      return mailbox;
    }
  }

  /** Makes room in the mailbox for a message; the send queue makes room itself. */
  private void dropOldest(Mailbox<O> box) {
    while (pendingBytes() > connection.config().maxPendingBytes()) {
      Mailbox.Envelope<O> oldest = box.poll();
      if (oldest == null) {
        return;
      }
      Undelivered.drop(oldest.message(), oldest.written(), Outcome.OVER_LIMIT);
    }
  }

  private void drain(Mailbox<O> box) {
    for (Mailbox.Envelope<O> envelope; (envelope = box.poll()) != null; ) {
      Undelivered.drop(envelope.message(), envelope.written(), Outcome.CLOSED);
    }
  }

  private boolean isDropOldest() {
    return connection.config().overflow() == OverflowPolicy.DROP_OLDEST;
  }

  /** Returns whether a message sent on the event loop is within the limit of pending bytes. */
  private boolean admits() {
    ConnectionConfig<?, ?> config = connection.config();
    // Fast path: a channel that is not blocked holds at most as much as its high watermark.
    boolean belowLimit =
        !connection.isOutputBlocked()
            && mailbox == null
            && config.highWatermark() + unwrittenBytes() < config.maxPendingBytes();
    return belowLimit || admits(pendingBytes());
  }

  /** Returns whether a message may be added to the given number of pending bytes. */
  private boolean admits(long pending) {
    return pending < connection.config().maxPendingBytes() || isDropOldest();
  }

  private Outcome overflow(O message, @Nullable CompletableFuture<Void> written) {
    if (connection.config().overflow() == OverflowPolicy.CLOSE) {
      connection.closeNow(CloseReason.of(CloseReason.Kind.OVERFLOW));
    }
    return Undelivered.drop(message, written, Outcome.OVER_LIMIT);
  }

  /** Returns whether the output is below its watermark, so that senders need not wait. */
  boolean isWritable() {
    Mailbox<O> box = mailbox;
    return isChannelWritable() && (box == null || !box.isAboveWatermark());
  }

  /** Returns the same as {@link #isWritable}, without regard to the mailbox. */
  boolean isChannelWritable() {
    return connection.channel().isWritable() && !pipelineOverWatermark;
  }

  long pendingBytes() {
    Mailbox<O> box = mailbox;
    return pendingOnLoop() + (box == null ? 0 : box.bytes());
  }

  private long pendingOnLoop() {
    SendQueue queue = sendQueue;
    return pendingInChannel()
        + (connection.inEventLoop() ? unwrittenBytes() : 0)
        + (queue == null ? 0 : queue.bytes());
  }

  private long pendingInChannel() {
    if (!connection.isDirect()) {
      return pipelineBytes;
    }
    ChannelOutboundBuffer buffer = connection.channel().unsafe().outboundBuffer();
    return buffer == null ? 0 : buffer.totalPendingWriteBytes();
  }

  // Event loop only.

  /** Packs the messages of the mailbox in a turn, up to a limit per turn. */
  @Override
  public void run() {
    boolean outermost = connection.enter();
    boolean all = packMailbox(MAX_MESSAGES_PER_TURN);
    connection.leave(outermost);
    if (!all) {
      connection.onLoopLater(this);
    }
  }

  /** Packs all messages of the mailbox. */
  void packMailbox() {
    Mailbox<O> box = mailbox;
    if (box != null && box.bytes() > 0) {
      packMailbox(Integer.MAX_VALUE);
    }
  }

  /** Packs at most {@code most} messages of the mailbox; returns whether these were all. */
  private boolean packMailbox(int most) {
    Mailbox<O> box = mailbox;
    if (box == null) {
      return true;
    }
    box.clearWakeup();
    int packed = 0;
    for (Mailbox.Envelope<O> envelope; packed < most && (envelope = box.poll()) != null; packed++) {
      pack(envelope);
    }
    if (box.fellBelowWatermark()) {
      connection.blockOutput(); // until the end of the turn, which then calls onWritable
    }
    return packed < most;
  }

  private void pack(Mailbox.Envelope<O> envelope) {
    if (!connection.lifecycle().acceptsOutput()) {
      Undelivered.drop(envelope.message(), envelope.written(), Outcome.CLOSED);
    } else if (!admits(pendingOnLoop())) {
      overflow(envelope.message(), envelope.written());
    } else {
      try {
        pack(envelope.message(), envelope.written());
      } catch (Throwable t) {
        connection.fail(CloseReason.Kind.HANDLER_ERROR, t);
      }
    }
  }

  private Outcome pack(O message, @Nullable CompletableFuture<Void> written) {
    try {
      if (mustQueue()) {
        packToSendQueue(message, written);
      } else {
        pack(message);
        if (written != null) {
          track(written);
        }
      }
    } catch (Throwable t) {
      if (written != null) {
        written.completeExceptionally(t);
      }
      throw t;
    } finally {
      connection.loop().ownership().release(message);
      connection.turnSoon();
    }
    spill();
    return Outcome.TAKEN;
  }

  private void pack(O message) {
    ByteBuf out = packBuffer();
    int start = out.writerIndex();
    ByteBuf tail;
    try {
      tail = connection.driver().pack(message, out);
    } catch (Throwable t) {
      out.writerIndex(Math.max(start, writtenIndex));
      throw t;
    }
    if (tail != null) {
      append(tail);
    }
  }

  private ByteBuf packBuffer() {
    ByteBuf out = packBuffer;
    if (out == null) {
      out = connection.loop().borrowPackBuffer();
      packBuffer = out;
      writtenIndex = out.writerIndex();
    }
    return out;
  }

  private int unwrittenBytes() {
    ByteBuf out = packBuffer;
    return out == null ? 0 : out.writerIndex() - writtenIndex;
  }

  /** Appends bytes to the packed output; long ones are not copied. */
  private void append(ByteBuf bytes) {
    append(bytes, pendingInChannel() > 0 ? MIN_PENDING_TAIL_BYTES : MIN_TAIL_BYTES);
  }

  /** Appends bytes to the packed output, copied if they are fewer than {@code min}. */
  private void append(ByteBuf bytes, int min) {
    int length = bytes.readableBytes();
    if (length < min) {
      packBuffer().writeBytes(bytes, bytes.readerIndex(), length);
    } else {
      writePacked(/* last= */ false);
      write(bytes.retainedSlice(), connection.context().voidPromise());
    }
  }

  /** Appends the protocol's own bytes, regardless of limits. Consumes them. */
  void addProtocolBytes(ByteBuf bytes) {
    if (mustQueue()) {
      sendQueue().addProtocolBytes(bytes);
    } else {
      try {
        append(bytes);
      } finally {
        bytes.release();
      }
    }
    connection.turnSoon();
    spill();
  }

  private void track(CompletableFuture<Void> written) {
    if (packedFutures == null) {
      packedFutures = new ArrayList<>(2);
    }
    packedFutures.add(written);
  }

  /** Flushes early if {@link #SPILL_BYTES} have gathered. */
  private void spill() {
    if (unwrittenBytes() + unflushedBytes >= SPILL_BYTES) {
      flush();
    }
  }

  /** Writes the packed output and flushes it to the socket, which takes as much as it can. */
  void flush() {
    writePacked(/* last= */ true);
    writeSendQueue(/* all= */ false);
    if (unflushedBytes > 0) {
      flushWritten();
    }
  }

  private void flushWritten() {
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

  /** Flushes all output and the send queue; the promise completes when the socket has taken it. */
  void flushAll(ChannelPromise promise) {
    writePacked(/* last= */ true);
    writeSendQueue(/* all= */ true);
    if (unflushedBytes > 0) {
      connection.observers().flushing(unflushedBytes);
      unflushedBytes = 0;
    }
    connection.context().writeAndFlush(Unpooled.EMPTY_BUFFER, promise);
  }

  /** Writes the packed bytes to Netty; {@code last} if no more are packed into the buffer. */
  private void writePacked(boolean last) {
    ByteBuf out = packBuffer;
    if (out == null) {
      return;
    }
    int length = unwrittenBytes();
    if (length > 0 || packedFutures != null) {
      int start = writtenIndex;
      writtenIndex = out.writerIndex();
      if (length == 0) { // the futures are those of a tail
        write(Unpooled.EMPTY_BUFFER, takePromise());
      } else if (pendingInChannel() > 0 || connection.isWriteDeferred()) {
        // Output that waits for the socket should hold no more memory than it needs.
        write(Loop.ALLOCATOR.directBuffer(length).writeBytes(out, start, length), takePromise());
      } else if (last && start == 0 && !connection.loop().publishing) {
        connection.loop().packedWhole(out);
        write(out.retain(), takePromise());
      } else {
        write(out.retainedSlice(start, length), takePromise());
      }
    }
    if (last) {
      releasePackBuffer(out);
    }
  }

  private void releasePackBuffer(ByteBuf out) {
    connection.loop().packed(out);
    out.release();
    packBuffer = null;
  }

  private void write(ByteBuf bytes, ChannelPromise promise) {
    int length = bytes.readableBytes();
    unflushedBytes += Math.max(length, 1);
    if (connection.isDirect()) {
      connection.context().write(bytes, promise);
    } else {
      writeThroughPlugins(bytes, length, promise.isVoid() ? promise(List.of()) : promise);
    }
  }

  /** Writes through the plugins' handlers, which may keep bytes, so these are counted here. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  private void writeThroughPlugins(ByteBuf bytes, int length, ChannelPromise promise) {
    pipelineBytes += length;
    if (pipelineBytes > connection.config().highWatermark()) {
      pipelineOverWatermark = true;
      connection.blockOutput();
    }
    connection.context().write(bytes, promise);
    promise.addListener(
        done -> {
          pipelineBytes -= length;
          if (pipelineOverWatermark && pipelineBytes < connection.config().lowWatermark()) {
            pipelineOverWatermark = false;
            connection.turnSoon();
          }
        });
  }

  private ChannelPromise takePromise() {
    List<CompletableFuture<Void>> futures = packedFutures;
    packedFutures = null;
    return futures == null ? connection.context().voidPromise() : promise(futures);
  }

  private ChannelPromise promise(List<CompletableFuture<Void>> futures) {
    return connection
        .context()
        .newPromise()
        .addListener(
            done -> {
              if (done.isSuccess()) {
                futures.forEach(future -> future.complete(null));
              } else {
                futures.forEach(future -> future.completeExceptionally(done.cause()));
                connection
                    .lifecycle()
                    .abort(new CloseReason(CloseReason.Kind.IO_ERROR, done.cause()));
              }
            });
  }

  // The send queue.

  private boolean mustQueue() {
    SendQueue queue = sendQueue;
    return (queue != null && !queue.isEmpty()) || (isDropOldest() && !isChannelWritable());
  }

  private SendQueue sendQueue() {
    SendQueue queue = sendQueue;
    if (queue == null) {
      queue = new SendQueue(connection.loop(), connection.config().errors());
      sendQueue = queue;
    }
    return queue;
  }

  private void packToSendQueue(O message, @Nullable CompletableFuture<Void> written) {
    packSendQueue();
    SendQueue queue = sendQueue();
    queue.addMessage(connection.driver().pack(message), written);
    if (isDropOldest()) {
      long elsewhere = pendingOnLoop() - queue.bytes();
      queue.shrink(connection.config().maxPendingBytes() - elsewhere);
    }
  }

  /** Packs the queued messages that are not packed yet. */
  void packSendQueue() {
    SendQueue queue = sendQueue;
    if (queue != null && queue.hasUnpacked()) {
      queue.packAll(connection.driver());
    }
  }

  /** Writes from the send queue while the channel is writable, or all of it. */
  private void writeSendQueue(boolean all) {
    SendQueue queue = sendQueue;
    while (queue != null && (all || isChannelWritable())) {
      SendQueue.Item item = queue.poll();
      if (item == null) {
        break;
      }
      writeItem(item);
      if (unwrittenBytes() + unflushedBytes >= SPILL_BYTES) {
        writePacked(/* last= */ true);
        flushWritten();
      }
    }
    writePacked(/* last= */ true);
  }

  @SuppressWarnings("unchecked") // only messages of the connection's type are published to it
  private void writeItem(SendQueue.Item item) {
    try {
      ByteBuf bytes = item.bytes();
      boolean packed = bytes != null || packPublished((SharedMessage<O>) item.shared());
      if (bytes != null && item.written() != null) {
        writePacked(/* last= */ false);
        track(item.written());
        write(bytes.retain(), takePromise());
      } else if (bytes != null) {
        append(bytes, MIN_TAIL_BYTES); // they pin no larger buffer
      }
      SubscriberPort<?> subscriber = item.subscriber();
      if (subscriber != null && packed) {
        subscriber.countDelivered();
      } else if (subscriber != null) {
        subscriber.drop();
      }
    } finally {
      item.release();
    }
  }

  // Published messages.

  /** Packs a published message, or queues it; returns whether it was packed. In a turn. */
  boolean publish(SharedMessage<O> published, SubscriberPort<O> subscriber) {
    Object encodingKey = connection.driver().encodingKey();
    ByteBuf shared = null;
    if (encodingKey != null) {
      shared = published.packed(encodingKey, connection.driver());
      if (shared == null) {
        subscriber.drop();
        return false;
      }
    }
    if (mustQueuePublished()) {
      enqueue(published, shared, subscriber);
      return false;
    }
    if (shared != null) {
      append(shared, MIN_TAIL_BYTES);
    } else if (!packPublished(published)) {
      subscriber.drop();
      return false;
    }
    spill();
    return true;
  }

  /** Returns whether published messages have to wait in the send queue. */
  private boolean mustQueuePublished() {
    SendQueue queue = sendQueue;
    return (queue != null && !queue.isEmpty()) || !isChannelWritable();
  }

  private void enqueue(
      SharedMessage<O> published, @Nullable ByteBuf shared, SubscriberPort<O> subscriber) {
    long room = connection.config().maxPendingBytes() - pendingOnLoop();
    Object content = shared == null ? published.retain() : shared.retain();
    sendQueue().add(content, published.message(), subscriber, room);
  }

  private boolean packPublished(SharedMessage<O> published) {
    try {
      pack(published.message());
      return true;
    } catch (Throwable t) {
      connection.driver().logPackFailure(published, t);
      return false;
    }
  }

  /** Drops all output, since the connection is closed. */
  void release() {
    if (packBuffer != null) {
      releasePackBuffer(packBuffer);
    }
    if (packedFutures != null) {
      packedFutures.forEach(future -> Undelivered.drop("", future, Outcome.CLOSED));
      packedFutures = null;
    }
    SendQueue queue = sendQueue;
    if (queue != null) {
      queue.release();
    }
    Mailbox<O> box = mailbox;
    if (box != null) {
      drain(box);
    }
  }
}
