package dev.jev;

import dev.jev.Delivery.Outcome;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelPromise;
import io.netty.util.ReferenceCountUtil;
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
 * or earlier when 32 KiB have gathered, but never inside a call of the protocol. A message from
 * another thread goes to the mailbox, which wakes the event loop once for all messages that it then
 * finds. Netty's outbound buffer holds the bytes that the socket has not taken.
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
final class Outbound<O> extends PackedOutput<O> implements Runnable, MessageSink<O> {

  /** Maximum mailbox messages packed per turn, so that other connections of the loop get theirs. */
  private static final int MAX_MESSAGES_PER_TURN = 1024;

  // Volatile: set once, read by any thread.
  private volatile @Nullable SendQueue sendQueue;
  private volatile @Nullable Mailbox<O> mailbox;

  // Event loop only: the future of the message that closed the connection.
  private @Nullable CompletableFuture<Void> lastWritten;

  Outbound(StreamConnection<?, O> connection) {
    super(connection);
  }

  // Any thread.

  Outcome send(O message, @Nullable CompletableFuture<Void> written) {
    Outcome outcome = offer(message, written);
    return outcome == Outcome.CLOSED
        ? Undelivered.refuse(MessageOwnership.acquire(message), written, outcome)
        : outcome;
  }

  /** Sends like {@link #send}, but does not consume the message if the outcome is CLOSED. */
  @Override
  public Outcome offer(O message, @Nullable CompletableFuture<Void> written) {
    if (!connection.lifecycle().acceptsMessages()) {
      return Outcome.CLOSED;
    }
    if (!connection.inEventLoop()) {
      return post(Mailbox.Envelope.of(MessageOwnership.acquire(message), written));
    }
    boolean lent = connection.loop().ownership().lends(message);
    if (admits()) {
      return pack(message, written, lent);
    }
    if (lent) {
      ReferenceCountUtil.retain(message);
    }
    return overflow(message, written);
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
      drop(oldest, Outcome.OVER_LIMIT);
    }
  }

  private void drain(Mailbox<O> box) {
    for (Mailbox.Envelope<O> envelope; (envelope = box.poll()) != null; ) {
      drop(envelope, Outcome.CLOSED);
    }
  }

  private void drop(Mailbox.Envelope<O> envelope, Outcome outcome) {
    Completions completions = connection.loop().completions();
    Undelivered.drop(envelope.message(), envelope.written(), outcome, completions);
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
            && !isWriting() // when messages are queued even if it is not blocked
            && mailbox == null
            && config.highWatermark() + unwrittenBytes() < config.maxPendingBytes();
    return belowLimit || admits(pendingBytes());
  }

  /** Returns whether a message may be added to the given number of pending bytes. */
  private boolean admits(long pending) {
    return pending < connection.config().maxPendingBytes() || isDropOldest();
  }

  private Outcome overflow(O message, @Nullable CompletableFuture<Void> written) {
    closeIfOverflowCloses();
    return Undelivered.refuse(message, written, Outcome.OVER_LIMIT);
  }

  private void closeIfOverflowCloses() {
    if (connection.config().overflow() == OverflowPolicy.CLOSE) {
      connection.closeNow(CloseReason.of(CloseReason.Kind.OVERFLOW));
    }
  }

  /** Returns whether the output is below its watermark, so that senders need not wait. */
  boolean isWritable() {
    Mailbox<O> box = mailbox;
    return isChannelWritable() && (box == null || !box.isAboveWatermark());
  }

  @Override
  public boolean isDrainable() {
    return connection.isWritable();
  }

  @Override
  public boolean isBelowLimit() {
    return pendingBytes() < connection.config().maxPendingBytes();
  }

  @Override
  public void onLoopLater(Runnable action) {
    connection.onLoopLater(action);
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

  // Event loop only.

  /** Packs the messages of the mailbox in a turn, up to a limit per turn. */
  @Override
  public void run() {
    boolean outermost = connection.enter();
    boolean all = true;
    try {
      all = packMailbox(MAX_MESSAGES_PER_TURN);
    } catch (Throwable t) { // out of memory, for example
      connection.abort(new CloseReason(CloseReason.Kind.IO_ERROR, t));
    } finally {
      connection.leave(outermost);
    }
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
    if (!connection.lifecycle().acceptsOutput() || connection.driver().hasPackedClose()) {
      drop(envelope, Outcome.CLOSED);
    } else if (!admits(pendingOnLoop())) {
      closeIfOverflowCloses();
      drop(envelope, Outcome.OVER_LIMIT);
    } else {
      try {
        MessageOwnership.requireLive(envelope.message());
        if (envelope.written() instanceof Announced sender && !sender.packing()) {
          ReferenceCountUtil.safeRelease(envelope.message());
        } else {
          pack(envelope.message(), envelope.written(), /* lent= */ false);
        }
      } catch (Throwable t) {
        packingFailed(envelope.written(), t);
      }
    }
  }

  /** Reports that a message which was taken cannot be packed, and is dropped. */
  @Override
  public void packingFailed(@Nullable CompletableFuture<Void> written, Throwable cause) {
    if (written != null) {
      connection.loop().completions().add(written, cause);
    }
    if (connection.config().closesOnPackFailure()) {
      connection.fail(CloseReason.Kind.HANDLER_ERROR, cause);
    } else {
      String what = "message for " + connection.remoteAddress() + " dropped: it cannot be packed";
      connection.config().errors().warning(what, cause);
    }
  }

  /** Packs a message, which is consumed unless it is {@code lent}, or queues it. */
  private Outcome pack(O message, @Nullable CompletableFuture<Void> written, boolean lent) {
    try {
      if (mustQueue()) {
        packToSendQueue(message, written, lent);
      } else {
        pack(message, lent);
        CompletableFuture<Void> tracked = unlessLast(written);
        if (tracked != null && !(tracked instanceof Announced)) {
          track(tracked);
        }
        connection.observers().sent();
      }
    } finally {
      connection.turnSoon();
    }
    SendQueue queue = sendQueue;
    if (queue != null && !connection.driver().isMidOutboundMessage()) {
      queue.endHold();
    }
    spill();
    return Outcome.TAKEN;
  }

  /**
   * Returns the future of a packed message. Returns null if that message has closed the connection:
   * then its last byte is one that the protocol writes in its close.
   */
  private @Nullable CompletableFuture<Void> unlessLast(@Nullable CompletableFuture<Void> written) {
    if (!connection.driver().hasPackedClose()) {
      return written;
    }
    lastWritten = written;
    return null;
  }

  /** Called after the close of the protocol, which has written its last bytes. */
  void trackLast() {
    CompletableFuture<Void> written = lastWritten;
    lastWritten = null;
    if (written != null && mustQueue()) {
      sendQueue().addProtocolBytes(Unpooled.EMPTY_BUFFER, written);
    } else if (written != null) {
      track(written);
    }
  }

  /** Appends the protocol's own bytes, regardless of limits. Consumes them. */
  void addProtocolBytes(ByteBuf bytes) {
    if (mustQueue()) {
      sendQueue().addProtocolBytes(bytes, null);
    } else {
      try {
        take(bytes);
      } finally {
        bytes.release();
      }
    }
    connection.turnSoon();
    connection.driver().spillDue = true; // later: the frame may go on
  }

  /** Flushes early if much output has gathered; later inside a call of the protocol. */
  void spill() {
    if (isSpillDue()) {
      connection.driver().spillDue = true;
      flush();
    }
  }

  /** Writes the packed output and flushes it to the socket, which takes as much as it can. */
  void flush() {
    if (isWriting() || connection.driver().isInProtocolCall()) {
      return; // a turn has ended in the middle of it; its caller flushes
    }
    writePacked(/* last= */ true);
    writeSendQueue(/* all= */ false);
    flushWritten();
  }

  /**
   * Postpones a step that ends the output if it comes in the middle of a write, from a plugin, or
   * of a call of the protocol, since the rest of that comes first; returns whether it was
   * postponed.
   */
  boolean postpones(Runnable end) {
    if (!isWriting() && !connection.driver().isInProtocolCall()) {
      return false;
    }
    connection.onLoopLater(() -> connection.onLoop(end));
    return true;
  }

  /** Returns whether there is output that the next flush writes. */
  boolean isFlushDue() {
    SendQueue queue = sendQueue;
    boolean queued = queue != null && queue.hasReady() && isChannelWritable();
    return (hasPacked() || queued) && !isWriting();
  }

  /** Flushes all output and the send queue; the promise completes when the socket has taken it. */
  void flushAll(ChannelPromise promise) {
    writePacked(/* last= */ true);
    writeSendQueue(/* all= */ true);
    flushWritten(promise);
  }

  // The send queue.

  private boolean mustQueue() {
    SendQueue queue = sendQueue;
    return isWriting()
        || (queue != null && queue.hasReady())
        || (isDropOldest() && !isChannelWritable());
  }

  SendQueue sendQueue() {
    SendQueue queue = sendQueue;
    if (queue == null) {
      queue = new SendQueue(connection.loop(), connection.config().errors());
      sendQueue = queue;
    }
    return queue;
  }

  private void packToSendQueue(O message, @Nullable CompletableFuture<Void> written, boolean lent) {
    packSendQueue();
    SendQueue queue = sendQueue();
    ByteBuf packed = packAlone(message, lent);
    queue.addMessage(packed, unlessLast(written));
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
      if (isSpillDue()) {
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
      if (packed && item.isMessage()) {
        connection.observers().sent();
      }
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

  /** Packs published messages, or queues them; returns how many were packed. In a turn. */
  int publish(List<? extends SharedMessage<O>> messages, SubscriberPort<O> subscriber) {
    int packed = 0;
    int next = 0;
    try {
      packMailbox(); // messages sent before come first
      for (; next < messages.size() && connection.lifecycle().acceptsPublished(); next++) {
        packed += publish(messages.get(next), subscriber) ? 1 : 0;
      }
    } catch (Throwable t) { // out of memory for a buffer, for example
      connection.lifecycle().abort(new CloseReason(CloseReason.Kind.IO_ERROR, t));
    }
    for (; next < messages.size(); next++) { // the connection closes
      subscriber.drop();
    }
    return packed;
  }

  private boolean publish(SharedMessage<O> published, SubscriberPort<O> subscriber) {
    Object encodingKey = connection.driver().encodingKey();
    ByteBuf shared = null;
    if (encodingKey != null && published.isShared(encodingKey)) {
      shared = published.packed(encodingKey, connection.driver());
      if (shared == null && !published.closesConnections()) {
        subscriber.drop();
        return false;
      }
    }
    boolean queued = mustQueuePublished();
    if (published.closesConnections()
        || (queued && shared == null && connection.driver().closesConnection(published))) {
      return publishClose(published, subscriber);
    }
    if (queued) {
      enqueue(published, shared, subscriber);
      return false;
    }
    if (shared != null) {
      append(shared, MIN_TAIL_BYTES);
    } else if (!packPublished(published)) {
      subscriber.drop();
      return false;
    }
    connection.observers().sent();
    spill();
    return true;
  }

  /** Packs a published message that closes the connection, behind all that is queued. */
  private boolean publishClose(SharedMessage<O> published, SubscriberPort<O> subscriber) {
    packSendQueue();
    try {
      addProtocolBytes(packAlone(published.message(), /* lent= */ true));
      connection.observers().sent();
      connection.driver().beginCloseIfDue();
      return true;
    } catch (Throwable t) {
      connection.driver().logPackFailure(published, t);
      subscriber.drop();
      return false;
    }
  }

  /** Returns whether published messages have to wait in the send queue. */
  private boolean mustQueuePublished() {
    SendQueue queue = sendQueue;
    return (queue != null && !queue.isEmpty())
        || !isChannelWritable()
        || connection.driver().isMidOutboundMessage();
  }

  private void enqueue(
      SharedMessage<O> published, @Nullable ByteBuf shared, SubscriberPort<O> subscriber) {
    long room = connection.config().maxPendingBytes() - pendingOnLoop();
    Object content = shared == null ? published.retain() : shared.retain();
    SendQueue queue = sendQueue();
    if (connection.driver().isMidOutboundMessage()) {
      queue.hold();
    }
    queue.add(content, published.message(), subscriber, room);
  }

  private boolean packPublished(SharedMessage<O> published) {
    try {
      pack(published.message(), /* lent= */ true);
      connection.driver().beginCloseIfDue();
      return true;
    } catch (Throwable t) {
      connection.driver().logPackFailure(published, t);
      return false;
    }
  }

  /** Drops all output, since the connection is closed. */
  void release() {
    trackLast();
    releasePacked();
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
