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
  private @Nullable ArrayDeque<ByteBuf> early; // came while others were unpacked

  private boolean opened; // the protocol's open was called
  private boolean calling; // one of the protocol's methods is running
  private boolean readyDue;
  private @Nullable CloseReason closeDue;
  private boolean abortDue;
  private boolean waiting; // for the peer's goodbye
  private boolean unpacking;
  private boolean unpackDue; // there are unread bytes that nobody looks at unless asked to

  ProtocolDriver(StreamConnection<I, O> connection) {
    this.connection = connection;
    this.protocol = requireNonNull(connection.config().protocols().get(), "protocol");
  }

  // The protocol.

  void open() {
    opened = true;
    calling = true;
    try {
      protocol.open(this);
    } catch (Throwable t) {
      connection.fail(Kind.PROTOCOL_ERROR, t);
    } finally {
      calling = false;
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
    calling = true;
    try {
      protocol.pack(message, out);
      return protocol.zeroCopyTail(message);
    } finally {
      calling = false;
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
      cannotPack(message, t);
      return null;
    }
  }

  /** Logs that a published message cannot be packed. */
  void cannotPack(SharedMessage<O> message, Throwable why) {
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
  void sayGoodbye(CloseReason why, boolean mayWait) {
    if (!opened) {
      return;
    }
    waiting = mayWait;
    calling = true;
    try {
      protocol.close(this, why);
    } catch (Throwable t) {
      connection.config().errors().warning("protocol failed to close", t);
    } finally {
      calling = false;
    }
    if (mayWait) {
      waiting = !isGoodbye(Unpooled.EMPTY_BUFFER);
      if (!unpacking) {
        part(connection.unread());
      }
    }
  }

  /** Whether the peer's goodbye is waited for. */
  boolean isWaiting() {
    return waiting;
  }

  /** Drops what came after the protocol's goodbye, and what still comes. */
  void stopWaiting() {
    waiting = false;
    releaseEarly();
    if (connection.unread() != null) {
      connection.inbound().release();
    }
  }

  /** Takes what was read after the close. */
  void readLate(ByteBuf arrived) {
    if (calling || isBehind()) { // a plugin reads while it writes
      addEarly(arrived);
    } else {
      part(connection.inbound().add(arrived));
    }
  }

  /** Shows the protocol all that is unread, and keeps what it waits for the rest of. */
  private void part(@Nullable ByteBuf unread) {
    ByteBuf bytes = unread == null ? nextEarly() : unread;
    while (bytes != null) {
      waiting = waiting && !isGoodbye(bytes) && bytes.readableBytes() <= maxFrameBytes();
      if (!waiting) {
        bytes.skipBytes(bytes.readableBytes());
      }
      connection.inbound().keep(bytes);
      bytes = nextEarly();
    }
    if (!waiting) {
      connection.lifecycle().parted();
    }
  }

  private boolean isGoodbye(ByteBuf bytes) {
    calling = true;
    try {
      return protocol.awaitPeerClose(this, bytes);
    } catch (Throwable t) { // the peer's last words make no sense
      return true;
    } finally {
      calling = false;
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
  boolean isBehind() {
    return unpacking || (early != null && !early.isEmpty());
  }

  /** Takes what has been read while {@link #isBehind}. */
  void readEarly(ByteBuf arrived) {
    addEarly(arrived);
    unpackDue = true;
    connection.turnSoon();
  }

  private void addEarly(ByteBuf arrived) {
    if (early == null) {
      early = new ArrayDeque<>();
    }
    early.add(arrived);
  }

  /** All unread bytes with the first of those that came while others were unpacked, or null. */
  private @Nullable ByteBuf nextEarly() {
    return early == null || early.isEmpty() ? null : connection.inbound().add(early.remove());
  }

  /** Notes that bytes which came before the connection was ready may be unpacked. */
  void unpackLater() {
    unpackDue = true;
  }

  boolean isUnpackDue() {
    return unpackDue;
  }

  void unpackKept() {
    unpackDue = false;
    ByteBuf behind = nextEarly();
    unpackDue = early != null && !early.isEmpty();
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
      part(bytes);
    } else {
      connection.inbound().keep(bytes);
    }
  }

  /** Drops what came while other bytes were unpacked. */
  void releaseEarly() {
    handOver(ByteBuf::release);
  }

  /** Gives away what came while other bytes were unpacked. */
  void handOver(Consumer<ByteBuf> successor) {
    while (early != null && !early.isEmpty()) {
      successor.accept(early.remove());
    }
  }

  /** Unpacks and delivers messages until there are no more or reading is stopped. */
  private void unpack(ByteBuf bytes) {
    unpacking = true;
    try {
      while (bytes.isReadable() || pendingMessages() > 0) {
        if (!connection.readsOn()) {
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
    int held = pendingMessages();
    I message = unpackOne(bytes);
    boolean becameReady = connection.connectIfReady();
    if (message != null) {
      if (bytes.readerIndex() == start && pendingMessages() >= held) {
        refuse(message, "took no byte off it");
      } else if (!connection.isConnected()) {
        refuse(message, "was not ready");
      } else {
        connection.dispatch(message);
      }
    }
    closeIfDue();
    if (message == null && !becameReady && pendingMessages() >= held) {
      refuseTooLong(bytes);
      return false;
    }
    return true;
  }

  private @Nullable I unpackOne(ByteBuf bytes) {
    calling = true;
    try {
      return protocol.unpack(this, bytes);
    } catch (Throwable t) {
      connection.fail(Kind.PROTOCOL_ERROR, t);
      return null;
    } finally {
      calling = false;
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
    if (!calling) {
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
      connection.outbound().add(bytes);
    } else {
      bytes.release();
    }
  }

  @Override
  public void close(CloseReason reason) {
    closeDue = requireNonNull(reason, "reason");
    if (!calling) {
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
