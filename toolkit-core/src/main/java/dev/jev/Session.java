package dev.jev;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason.Kind;
import io.netty.buffer.ByteBuf;
import io.netty.util.ReferenceCountUtil;
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
 * <p>Event loop only, except {@link #ready}.
 */
final class Session<I, O> implements Wire {

  private final NettyConnection<I, O> connection;
  private final Protocol<I, O> protocol;
  private @Nullable ArrayDeque<ByteBuf> early; // came while others were unpacked

  private boolean opened; // the protocol's open was called
  private boolean calling; // one of the protocol's methods is running
  private boolean readyDue;
  private boolean closeDue;
  private boolean unpacking;
  private boolean unpackDue; // there are unread bytes that nobody looks at unless asked to

  Session(NettyConnection<I, O> connection) {
    this.connection = connection;
    this.protocol = requireNonNull(connection.settings().protocols().get(), "protocol");
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
      return protocol.tail(message);
    } finally {
      calling = false;
      if (closeDue) {
        connection.flushSoon();
      }
    }
  }

  /** Lets the protocol say goodbye. */
  void close(CloseReason why) {
    if (!opened) {
      return;
    }
    calling = true;
    try {
      protocol.close(this, why);
    } catch (Throwable t) {
      connection.settings().errors().warning("protocol failed to close", t);
    } finally {
      calling = false;
    }
  }

  void closeIfDue() {
    if (closeDue) {
      closeDue = false;
      connection.life().startClose(CloseReason.of(Kind.CLOSED));
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
    if (early == null) {
      early = new ArrayDeque<>();
    }
    early.add(arrived);
    unpackDue = true;
    connection.flushSoon();
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
    ByteBuf bytes = connection.inbound().unread();
    if (early != null && !early.isEmpty()) {
      unpackDue = early.size() > 1;
      bytes = connection.inbound().add(early.remove());
    }
    if (bytes != null) {
      unpack(bytes);
      keep(bytes);
    }
  }

  private void keep(ByteBuf bytes) {
    connection.inbound().keep(bytes);
    if (connection.life().isClosing()) {
      connection.inbound().release();
      releaseEarly();
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

  /** Unpacks and delivers messages until bytes run out or reading is stopped. */
  private void unpack(ByteBuf bytes) {
    unpacking = true;
    try {
      while (bytes.isReadable()) {
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
    I message = unpackOne(bytes);
    boolean becameReady = connection.connectIfReady();
    if (message != null) {
      if (bytes.readerIndex() == start) {
        refuse(message, "took no byte off it");
      } else if (!connection.isConnected()) {
        refuse(message, "was not ready");
      } else {
        connection.dispatch(message);
      }
    }
    closeIfDue();
    if (message == null && !becameReady) {
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

  private void refuse(I message, String why) {
    ReferenceCountUtil.safeRelease(message);
    String fault = "protocol " + protocol.getClass().getName() + " returned a message but " + why;
    connection.fail(Kind.PROTOCOL_ERROR, new IllegalStateException(fault));
  }

  private void refuseTooLong(ByteBuf bytes) {
    if (bytes.readableBytes() > maxFrameBytes() && !connection.life().isClosing()) {
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
    return !connection.life().isOpening();
  }

  @Override
  public void write(ByteBuf bytes) {
    if (connection.life().acceptsOutput()) {
      connection.outbound().add(bytes);
    } else {
      bytes.release();
    }
  }

  @Override
  public void close() {
    closeDue = true;
    if (!calling) {
      connection.onLoop(() -> {}); // its end closes
    }
  }

  @Override
  public int maxFrameBytes() {
    return connection.settings().maxFrameBytes();
  }
}
