package dev.jev;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason.Kind;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.ReferenceCountUtil;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The driver of one connection's protocol: calls its methods, runs its unpack loop, and is its
 * {@link ProtocolContext}.
 *
 * <p><b>Requests.</b> If the protocol calls {@link #ready} or {@link #close} from one of its own
 * methods, the request takes effect when that method has returned.
 *
 * <p><b>Re-entrancy.</b> A write can make a plugin's handler read, even in the middle of the unpack
 * loop. Bytes that arrive then are deferred, and unpacked after the bytes that were read before.
 *
 * <p>Event loop only, except {@link #ready}, {@link #onClose} and {@link #runAfter}.
 */
final class ProtocolDriver<I, O> extends ProtocolPacker<I, O> implements ProtocolContext {

  private @Nullable ArrayDeque<ByteBuf> deferred; // arrived during the unpack loop
  private @Nullable FrameDeadline frame; // null if no frame was incomplete recently

  private boolean opened; // the protocol's open was called
  private boolean readyDue;
  private boolean abortDue;
  private boolean protocolCloseDue; // an abort came inside a call of the protocol
  private boolean awaitingPeerClose;
  private boolean unpacking;
  private boolean unpackDue; // unread bytes wait for the end of a turn
  private int consumedBytes; // since the latest message

  ProtocolDriver(StreamConnection<I, O> connection) {
    super(connection);
  }

  /** Returns the simple name of the class of the protocol. */
  String protocolName() {
    return MappedProtocol.nameOf(protocol);
  }

  // Calls of the protocol.

  void open() {
    opened = true;
    inProtocolCall = true;
    try {
      protocol.open(this);
    } catch (Throwable t) {
      inProtocolCall = false;
      connection.fail(Kind.PROTOCOL_ERROR, t);
    } finally {
      inProtocolCall = false;
    }
    connection.connectIfReady();
    closeIfDue();
  }

  /** Returns whether the handshakes of all plugins are over and the protocol's has begun. */
  boolean isOpened() {
    return opened;
  }

  /**
   * Closes the protocol, which may write its last bytes, and then awaits the peer's close if {@code
   * mayWait}.
   *
   * <p>It may not wait if the connection is lost, or handed over with its unread bytes.
   */
  void closeProtocol(CloseReason why, boolean mayWait) {
    if (!opened) {
      return;
    }
    if (inProtocolCall) { // an abort, by code that the protocol calls
      abortDue = true;
      protocolCloseDue = true;
      closeDue = why;
      return;
    }
    forgetFrame();
    awaitingPeerClose = mayWait;
    inProtocolCall = true;
    try {
      protocol.close(this, why);
    } catch (Throwable t) {
      connection.config().errors().warning("protocol failed in close", t);
    } finally {
      inProtocolCall = false;
    }
    if (connection.lifecycle().acceptsOutput()) {
      connection.outbound().trackLast();
    }
    if (mayWait) {
      awaitingPeerClose = !hasPeerClosed(Unpooled.EMPTY_BUFFER);
      if (!unpacking) {
        findPeerClose(connection.unread());
      }
    }
  }

  /** Returns whether the protocol still awaits the peer's close. */
  boolean isAwaitingPeerClose() {
    return awaitingPeerClose;
  }

  /** Stops awaiting the peer's close: drops the bytes that have arrived and those to come. */
  void stopAwaitingPeerClose() {
    awaitingPeerClose = false;
    handOver(ByteBuf::release);
    if (connection.unread() != null) {
      connection.inbound().release();
    }
  }

  /** Takes bytes that were read after the close, and looks for the peer's close in them. */
  void readPeerClose(ByteBuf arrived) {
    if (inProtocolCall || mustDefer()) { // re-entrant
      defer(arrived);
    } else {
      findPeerClose(connection.inbound().add(arrived));
    }
  }

  /**
   * Passes all unread bytes to a protocol that awaits the peer's close; keeps an incomplete frame.
   */
  private void findPeerClose(@Nullable ByteBuf unread) {
    ByteBuf bytes = unread == null ? nextDeferred() : unread;
    while (bytes != null) {
      awaitingPeerClose =
          awaitingPeerClose && !hasPeerClosed(bytes) && bytes.readableBytes() <= maxFrameBytes();
      if (!awaitingPeerClose) {
        bytes.skipBytes(bytes.readableBytes());
      }
      connection.inbound().keep(bytes);
      bytes = nextDeferred();
    }
    if (!awaitingPeerClose) {
      connection.lifecycle().endPeerCloseWait();
    }
  }

  private boolean hasPeerClosed(ByteBuf bytes) {
    inProtocolCall = true;
    try {
      return protocol.awaitPeerClose(this, bytes);
    } catch (Throwable t) { // the peer's close is malformed
      return true;
    } finally {
      inProtocolCall = false;
    }
  }

  /** Begins a close that a published message has requested, before what is published later. */
  void beginCloseIfDue() {
    CloseReason due = closeDue;
    if (due != null && !abortDue) {
      closeDue = null;
      connection.lifecycle().beginClose(due);
    }
  }

  void closeIfDue() {
    CloseReason due = closeDue;
    if (due != null) {
      closeDue = null;
      Throwable cause = due.cause();
      if (protocolCloseDue) {
        protocolCloseDue = false;
        closeProtocol(due, /* mayWait= */ false);
      } else if (abortDue) {
        connection.lifecycle().abort(due);
      } else if (due.kind() == Kind.HANDLER_ERROR && cause != null) {
        connection.fail(Kind.HANDLER_ERROR, cause); // logged, too
      } else {
        connection.lifecycle().closeBehindPublished(due);
      }
    }
  }

  // Unpacking.

  /** Takes bytes that were read; unpacks them if {@code now}, else at the end of a turn. */
  void read(ByteBuf arrived, boolean now) {
    noteReceived(arrived);
    ByteBuf bytes = connection.inbound().add(arrived);
    if (now) {
      unpack(bytes);
    } else {
      unpackDue = true;
    }
    keep(bytes);
  }

  /** Returns whether bytes that arrive now must wait for bytes that were read before. */
  boolean mustDefer() {
    return unpacking || (deferred != null && !deferred.isEmpty());
  }

  /** Takes bytes that were read while {@link #mustDefer} is true. */
  void readDeferred(ByteBuf arrived) {
    defer(arrived);
    unpackDue = true;
    connection.turnSoon();
  }

  private void defer(ByteBuf arrived) {
    noteReceived(arrived);
    if (deferred == null) {
      deferred = new ArrayDeque<>();
    }
    deferred.add(arrived);
  }

  /**
   * Appends the first deferred buffer to the unread bytes and returns them; null if none is
   * deferred.
   */
  private @Nullable ByteBuf nextDeferred() {
    return deferred == null || deferred.isEmpty()
        ? null
        : connection.inbound().add(deferred.remove());
  }

  /** Notes that bytes which arrived before the connection was ready may be unpacked. */
  void unpackLater() {
    unpackDue = true;
  }

  boolean isUnpackDue() {
    return unpackDue;
  }

  void unpackUnread() {
    unpackDue = false;
    ByteBuf behind = nextDeferred();
    unpackDue = deferred != null && !deferred.isEmpty();
    ByteBuf bytes = behind == null ? connection.unread() : behind;
    if (bytes == null && pendingMessages() > 0) {
      bytes = Unpooled.EMPTY_BUFFER;
    }
    if (bytes != null) {
      unpack(bytes);
      keep(bytes);
    }
  }

  private void keep(ByteBuf bytes) {
    if (connection.lifecycle().isClosing()) {
      findPeerClose(bytes);
    } else {
      connection.inbound().keep(bytes);
    }
  }

  /** Passes the deferred bytes on to {@code successor}, with their references. */
  void handOver(Consumer<ByteBuf> successor) {
    while (deferred != null && !deferred.isEmpty()) {
      successor.accept(deferred.remove());
    }
  }

  /** Unpacks and delivers messages until none is complete or reading is stopped. */
  private void unpack(ByteBuf bytes) {
    unpacking = true;
    int start = bytes.readerIndex();
    try {
      unpackAll(bytes);
      if (connection.isConnected() && connection.config().frameTimeoutNanos() > 0) {
        watchFrame(bytes, bytes.readerIndex() - start);
      }
    } finally {
      unpacking = false;
    }
  }

  private void unpackAll(ByteBuf bytes) {
    Loop loop = connection.loop();
    while (bytes.isReadable() || pendingMessages() > 0) {
      if (loop.batchMessages++ == Inbound.MAX_MESSAGES) {
        loop.batchMessages = 0;
        yieldTurn();
      }
      if (!mayUnpack()) {
        unpackDue = true;
        connection.inbound().pause();
        return;
      }
      if (!unpackNext(bytes)) {
        return;
      }
    }
  }

  /** Returns whether the next message may be unpacked, of which the plugins are told then. */
  private boolean mayUnpack() {
    if (!connection.mayRead()) {
      return false;
    }
    if (connection.observers().isEmpty()) {
      return true;
    }
    connection.observers().unpacking();
    return connection.mayRead(); // a plugin may have closed, or paused
  }

  /** Unpacks and delivers one message; returns whether another one may follow. */
  private boolean unpackNext(ByteBuf bytes) {
    int start = bytes.readerIndex();
    int pendingBefore = pendingMessages();
    I message = unpackOne(bytes);
    consumedBytes += bytes.readerIndex() - start;
    if (spillDue) {
      spillDue = false;
      connection.outbound().spill();
    }
    boolean becameReady = connection.connectIfReady();
    if (becameReady) {
      consumedBytes = 0; // those of the handshake
    }
    if (message != null) {
      if (bytes.readerIndex() == start && pendingMessages() >= pendingBefore) {
        refuse(message, "returned a message but consumed no bytes");
      } else if (!connection.isConnected()) {
        refuse(message, "returned a message before it was ready");
      } else {
        endFrame();
        connection.loop().ownership().unpacked(bytes.readerIndex() - start);
        int consumed = consumedBytes;
        consumedBytes = 0;
        connection.dispatch(message, consumed);
      }
    }
    closeIfDue();
    if (message == null
        && !becameReady
        && pendingMessages() >= pendingBefore
        && (connection.isConnected() || bytes.readerIndex() == start)) {
      refuseTooLong(bytes);
      return false;
    }
    return true;
  }

  private @Nullable I unpackOne(ByteBuf bytes) {
    inProtocolCall = true;
    try {
      return protocol.unpack(this, bytes);
    } catch (Throwable t) {
      inProtocolCall = false;
      connection.fail(Kind.PROTOCOL_ERROR, t);
      return null;
    } finally {
      inProtocolCall = false;
    }
  }

  private int pendingMessages() {
    try {
      return Math.max(protocol.pendingMessages(), 0);
    } catch (Throwable t) {
      connection.fail(Kind.PROTOCOL_ERROR, t);
      return 0;
    }
  }

  /** Returns the number of bytes of memory that input of the peer occupies here. */
  long bufferedBytes() {
    ByteBuf unread = connection.unread();
    long all = unread == null ? 0 : unread.capacity();
    if (deferred != null && !deferred.isEmpty()) {
      all += deferred.stream().mapToInt(ByteBuf::capacity).sum();
    }
    if (opened && !connection.lifecycle().isClosing()) {
      try {
        all += Checks.reportedBytes(protocol.bufferedBytes());
      } catch (Throwable t) {
        connection.fail(Kind.PROTOCOL_ERROR, t);
      }
    }
    return all;
  }

  // The deadline of the incomplete frame.

  private void noteReceived(ByteBuf arrived) {
    if (frame != null) {
      frame.received(connection.inbound().lengthOf(arrived));
    }
  }

  /** Ends the deadline at a complete message; called for each message. */
  private void endFrame() {
    if (frame != null && !isMidInboundMessage()) {
      frame.end();
    }
  }

  /** Starts or ends the deadline after a read, unless it goes on. */
  private void watchFrame(ByteBuf unread, int consumed) {
    long held = heldBytes();
    boolean midMessage = isMidInboundMessage();
    if (connection.lifecycle().isClosing()) {
      return;
    }
    boolean inMessage = held > 0 || midMessage;
    if (frame != null && !inMessage && (consumed > 0 || !unread.isReadable())) {
      frame.end();
    }
    if (inMessage || unread.isReadable()) {
      if (frame == null) {
        Duration timeout = Duration.ofNanos(connection.config().frameTimeoutNanos());
        frame = new FrameDeadline(this, timeout, this::frameExpired);
      }
      frame.begin(unread.readableBytes() + (midMessage ? consumed : Math.min(held, consumed)));
    }
  }

  private long heldBytes() {
    try {
      return Math.max(protocol.heldBytes(), 0);
    } catch (Throwable t) {
      connection.fail(Kind.PROTOCOL_ERROR, t);
      return 0;
    }
  }

  private boolean isMidInboundMessage() {
    try {
      return protocol.isMidInboundMessage();
    } catch (Throwable t) {
      connection.fail(Kind.PROTOCOL_ERROR, t);
      return false;
    }
  }

  /** Drops the deadline; returns whether a frame is incomplete, since a task may have ended it. */
  private boolean frameExpired() {
    forgetFrame();
    return connection.unread() != null || heldBytes() > 0 || isMidInboundMessage();
  }

  private void forgetFrame() {
    if (frame != null) {
      frame.cancel();
      frame = null;
    }
  }

  private void refuse(I message, String fault) {
    ReferenceCountUtil.safeRelease(message);
    String subject = "protocol " + protocol.getClass().getName();
    connection.fail(Kind.PROTOCOL_ERROR, new IllegalStateException(subject + " " + fault));
  }

  private void refuseTooLong(ByteBuf bytes) {
    int length = bytes.readableBytes();
    if (length > maxFrameBytes() && !connection.lifecycle().isClosing()) {
      String fault = "frame: more than " + length + " bytes (expected: <= " + maxFrameBytes() + ")";
      connection.fail(Kind.PROTOCOL_ERROR, new ProtocolException(fault));
    }
  }

  // ProtocolContext.

  @Override
  public void ready() {
    if (!connection.inEventLoop()) {
      connection.onLoopLater(this::ready);
      return;
    }
    readyDue = true;
    if (!inProtocolCall) {
      connection.onLoop(() -> {}); // the end of the turn connects
    }
  }

  boolean isReadyDue() {
    return readyDue;
  }

  @Override
  public boolean isReady() {
    return !connection.lifecycle().isOpening();
  }

  @Override
  public void write(ByteBuf bytes) {
    if (connection.lifecycle().acceptsOutput()) {
      connection.outbound().addProtocolBytes(bytes);
    } else {
      bytes.release();
    }
  }

  @Override
  public void close(CloseReason reason) {
    closeDue = requireNonNull(reason, "reason");
    if (!inProtocolCall) {
      connection.onLoop(() -> {}); // the end of the turn closes
    }
  }

  @Override
  public void closeNow(CloseReason reason) {
    abortDue = true;
    close(reason);
  }

  @Override
  public void onClose(Runnable task) {
    connection.lifecycle().onClose(task);
  }

  @Override
  public ScheduledTask runAfter(Duration delay, Runnable task) {
    return connection.timers().runAfter(connection.loop(), delay, task, this::run);
  }

  private boolean run(Runnable task) {
    return connection.run(
        () -> {
          runInProtocolCall(task);
          unpackDue |= pendingMessages() > 0;
        },
        Kind.PROTOCOL_ERROR);
  }

  private void runInProtocolCall(Runnable task) {
    inProtocolCall = true;
    try {
      task.run();
    } finally {
      inProtocolCall = false;
    }
  }

  @Override
  public void yieldTurn() {
    unpackDue = true; // even if the protocol returns null
    connection.pause(StreamConnection.TURN_PAUSE);
    Runnable resume = () -> connection.resume(StreamConnection.TURN_PAUSE);
    connection.loop().executor().schedule(resume, 0, TimeUnit.NANOSECONDS); // tasks come earlier
  }

  @Override
  public DeadlineWheel deadlineWheel(Duration maxDelay) {
    return connection.loop().deadlineWheel(maxDelay);
  }

  @Override
  public long readingSince() {
    return connection.readingSince();
  }

  @Override
  public <T> void attribute(Class<T> type, @Nullable T value) {
    connection.attribute(type, value);
  }

  @Override
  public <T> @Nullable T attribute(Class<T> type) {
    return connection.attribute(type);
  }

  @Override
  public SocketAddress remoteAddress() {
    return connection.remoteAddress();
  }

  @Override
  public PluginHost host() {
    return connection.config().host().pluginHost();
  }

  @Override
  public int maxFrameBytes() {
    return connection.config().maxFrameBytes();
  }
}
