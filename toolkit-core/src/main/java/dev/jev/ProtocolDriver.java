package dev.jev;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason.Kind;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.ReferenceCountUtil;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The protocol of one connection: the loop that lets it unpack what was read, and its line to the
 * peer.
 *
 * <p>What the protocol asks for while one of its methods runs, to be ready or to close, happens
 * when that method has returned.
 *
 * <p>Event loop only, except {@link #ready} and {@link #runAfter}.
 */
final class ProtocolDriver<I, O> implements ProtocolContext, SharedMessage.Packer<O> {

  private final StreamConnection<I, O> connection;
  private final Protocol<I, O> protocol;
  private @Nullable ArrayDeque<ByteBuf> deferred; // came while others were unpacked

  private boolean opened; // the protocol's open was called
  private boolean inProtocolCall; // one of the protocol's methods is running
  private boolean readyDue;
  private @Nullable CloseReason closeDue;
  private boolean abortDue;
  private boolean awaitingPeerClose; // for the peer's goodbye
  private boolean unpacking;
  private boolean unpackDue; // there are unread bytes that nobody looks at unless asked to

  ProtocolDriver(StreamConnection<I, O> connection) {
    this.connection = connection;
    this.protocol = requireNonNull(connection.config().protocols().get(), "protocol");
  }

  // The protocol.

  void open() {
    opened = true;
    inProtocolCall = true;
    try {
      protocol.open(this);
    } catch (Throwable t) {
      connection.fail(Kind.PROTOCOL_ERROR, t);
    } finally {
      inProtocolCall = false;
    }
    connection.connectIfReady();
    closeIfDue();
  }

  /** Whether the handshakes of all plugins are over, and the protocol's has begun. */
  boolean isOpened() {
    return opened;
  }

  /** Packs a message; returns the tail that is still to be written, or null. */
  @Nullable ByteBuf pack(O message, ByteBuf out) {
    inProtocolCall = true;
    try {
      protocol.pack(message, out);
      return protocol.zeroCopyTail(message);
    } finally {
      inProtocolCall = false;
      if (closeDue != null) {
        connection.turnSoon();
      }
    }
  }

  /** Packs a message into a buffer of its own, which the caller gets a reference to. */
  ByteBuf pack(O message) {
    ByteBuf bytes = Loop.ALLOCATOR.directBuffer();
    try {
      ByteBuf tail = pack(message, bytes);
      if (tail != null) {
        bytes.writeBytes(tail, tail.readerIndex(), tail.readableBytes());
      }
    } catch (Throwable t) {
      bytes.release();
      throw t;
    }
    return bytes;
  }

  /** Packs a published message like {@link #pack}; returns null, which is logged, if it cannot. */
  @Override
  public @Nullable ByteBuf packShared(SharedMessage<O> message) {
    try {
      return pack(message.message());
    } catch (Throwable t) {
      logPackFailure(message, t);
      return null;
    }
  }

  /** Logs that a published message cannot be packed. */
  void logPackFailure(SharedMessage<O> message, Throwable why) {
    connection.config().errors().warning("cannot pack " + message, why);
  }

  /** What stands for the bytes of messages, see {@link Protocol#encodingKey}. */
  @Nullable Object encodingKey() {
    return protocol.encodingKey();
  }

  /**
   * Lets the protocol say goodbye, and wait for the peer's if it {@code mayWait}: not if the
   * connection is lost, or handed over with all that is unread.
   */
  void closeProtocol(CloseReason why, boolean mayWait) {
    if (!opened) {
      return;
    }
    awaitingPeerClose = mayWait;
    inProtocolCall = true;
    try {
      protocol.close(this, why);
    } catch (Throwable t) {
      connection.config().errors().warning("protocol failed to close", t);
    } finally {
      inProtocolCall = false;
    }
    if (mayWait) {
      awaitingPeerClose = !hasPeerClosed(Unpooled.EMPTY_BUFFER);
      if (!unpacking) {
        findPeerClose(connection.unread());
      }
    }
  }

  /** Whether the peer's goodbye is waited for. */
  boolean isAwaitingPeerClose() {
    return awaitingPeerClose;
  }

  /** Drops what came after the protocol's goodbye, and what still comes. */
  void stopAwaitingPeerClose() {
    awaitingPeerClose = false;
    releaseDeferred();
    if (connection.unread() != null) {
      connection.inbound().release();
    }
  }

  /** Takes what was read after the close. */
  void readPeerClose(ByteBuf arrived) {
    if (inProtocolCall || mustDefer()) { // a plugin reads while it writes
      defer(arrived);
    } else {
      findPeerClose(connection.inbound().add(arrived));
    }
  }

  /** Shows the protocol all that is unread, and keeps what it waits for the rest of. */
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
    } catch (Throwable t) { // the peer's last words make no sense
      return true;
    } finally {
      inProtocolCall = false;
    }
  }

  void closeIfDue() {
    CloseReason due = closeDue;
    if (due != null) {
      closeDue = null;
      if (abortDue) {
        connection.lifecycle().abort(due);
      } else {
        connection.lifecycle().startClose(due);
      }
    }
  }

  // Unpacking.

  /** Takes what has been read, and unpacks it now if this is a turn of the connection's. */
  void read(ByteBuf arrived, boolean now) {
    ByteBuf bytes = connection.inbound().add(arrived);
    if (now) {
      unpack(bytes);
    } else {
      unpackDue = true;
    }
    keep(bytes);
  }

  /** Whether what is read now has to wait for what was read before. */
  boolean mustDefer() {
    return unpacking || (deferred != null && !deferred.isEmpty());
  }

  /** Takes what has been read while {@link #mustDefer}. */
  void readDeferred(ByteBuf arrived) {
    defer(arrived);
    unpackDue = true;
    connection.turnSoon();
  }

  private void defer(ByteBuf arrived) {
    if (deferred == null) {
      deferred = new ArrayDeque<>();
    }
    deferred.add(arrived);
  }

  /** All unread bytes with the first of those that came while others were unpacked, or null. */
  private @Nullable ByteBuf nextDeferred() {
    return deferred == null || deferred.isEmpty()
        ? null
        : connection.inbound().add(deferred.remove());
  }

  /** Notes that bytes which came before the connection was ready may be unpacked. */
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

  /** Drops what came while other bytes were unpacked. */
  void releaseDeferred() {
    handOver(ByteBuf::release);
  }

  /** Gives away what came while other bytes were unpacked. */
  void handOver(Consumer<ByteBuf> successor) {
    while (deferred != null && !deferred.isEmpty()) {
      successor.accept(deferred.remove());
    }
  }

  /** Unpacks and delivers messages until there are no more or reading is stopped. */
  private void unpack(ByteBuf bytes) {
    unpacking = true;
    try {
      while (bytes.isReadable() || pendingMessages() > 0) {
        if (!connection.mayRead()) {
          unpackDue = true;
          connection.inbound().pause();
          return;
        }
        if (!unpackNext(bytes)) {
          return;
        }
      }
    } finally {
      unpacking = false;
    }
  }

  /** Unpacks and delivers one message; returns whether there may be another one. */
  private boolean unpackNext(ByteBuf bytes) {
    int start = bytes.readerIndex();
    int pendingBefore = pendingMessages();
    I message = unpackOne(bytes);
    boolean becameReady = connection.connectIfReady();
    if (message != null) {
      if (bytes.readerIndex() == start && pendingMessages() >= pendingBefore) {
        refuse(message, "took no byte off it");
      } else if (!connection.isConnected()) {
        refuse(message, "was not ready");
      } else {
        connection.dispatch(message);
      }
    }
    closeIfDue();
    if (message == null && !becameReady && pendingMessages() >= pendingBefore) {
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

  private void refuse(I message, String why) {
    ReferenceCountUtil.safeRelease(message);
    String fault = "protocol " + protocol.getClass().getName() + " returned a message but " + why;
    connection.fail(Kind.PROTOCOL_ERROR, new IllegalStateException(fault));
  }

  private void refuseTooLong(ByteBuf bytes) {
    if (bytes.readableBytes() > maxFrameBytes() && !connection.lifecycle().isClosing()) {
      String frame = "frame: more than " + bytes.readableBytes() + " bytes";
      connection.fail(
          Kind.PROTOCOL_ERROR,
          new ProtocolException(frame + " (expected: <= " + maxFrameBytes() + ")"));
    }
  }

  // The protocol's line to its peer.

  @Override
  public void ready() {
    if (!connection.inEventLoop()) {
      connection.onLoopLater(this::ready);
      return;
    }
    readyDue = true;
    if (!inProtocolCall) {
      connection.onLoop(() -> {}); // its end connects
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
      connection.onLoop(() -> {}); // its end closes
    }
  }

  @Override
  public void closeNow(CloseReason reason) {
    abortDue = true;
    close(reason);
  }

  @Override
  public ScheduledTask runAfter(Duration delay, Runnable task) {
    return connection.timers().runAfter(connection.loop(), delay, task, this::run);
  }

  private boolean run(Runnable task) {
    return connection.run(
        () -> {
          task.run();
          unpackDue |= pendingMessages() > 0;
        },
        Kind.PROTOCOL_ERROR);
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
  public int maxFrameBytes() {
    return connection.config().maxFrameBytes();
  }
}
