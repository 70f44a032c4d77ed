package dev.jev;

import static java.util.Objects.requireNonNull;

import dev.jev.CloseReason.Kind;
import io.netty.buffer.ByteBuf;
import io.netty.util.ReferenceCountUtil;
import org.jspecify.annotations.Nullable;

/**
 * The packing side of a connection's {@link ProtocolDriver}: one message, or one that connections
 * share.
 *
 * <p>A superclass of the driver rather than a field, to save one object per connection. Event loop
 * only.
 */
abstract class ProtocolPacker<I, O> implements SharedMessage.Packer<O> {

  final StreamConnection<I, O> connection;
  final Protocol<I, O> protocol;

  boolean inProtocolCall;
  private boolean packing; // a kind of call
  boolean spillDue; // the protocol may have written much
  @Nullable CloseReason closeDue; // requested by the protocol
  private boolean packedClose; // a packed message has closed the connection
  private boolean undoable; // the latest message has reached the protocol

  ProtocolPacker(StreamConnection<I, O> connection) {
    this.connection = connection;
    this.protocol = requireNonNull(connection.config().protocols().get(), "protocol");
  }

  /** Packs a message; returns the zero-copy tail that the caller has to write, or null. */
  final @Nullable ByteBuf pack(O message, ByteBuf out) {
    boolean closing = closeDue != null;
    boolean nested = inProtocolCall; // it calls code of the user, which sends
    boolean nestedPacking = packing;
    inProtocolCall = true;
    packing = true;
    undoable = true;
    try {
      protocol.pack(message, out);
      return protocol.zeroCopyTail(message);
    } finally {
      inProtocolCall = nested;
      packing = nestedPacking;
      if (closeDue != null && !closing) {
        packedClose = true;
        connection.lifecycle().requestClose();
        connection.turnSoon();
      }
    }
  }

  /** Packs a message into a new buffer, which the caller has to release. */
  final ByteBuf pack(O message) {
    undoable = false;
    ByteBuf bytes = Loop.ALLOCATOR.directBuffer();
    try {
      ByteBuf tail = pack(message, bytes);
      if (tail != null) {
        int length = tail.readableBytes();
        tail.getBytes(tail.readerIndex(), bytes.ensureWritable(length), length);
      }
    } catch (Throwable t) {
      bytes.release();
      throw t;
    }
    return bytes;
  }

  /** Tells the protocol that what it has packed last is not sent, unless it has packed nothing. */
  final void undoPack() {
    try {
      if (undoable) {
        protocol.undoPack();
      }
    } catch (Throwable t) {
      connection.fail(Kind.PROTOCOL_ERROR, t);
    }
  }

  @Override
  public final @Nullable ByteBuf packShared(SharedMessage<O> message) {
    boolean before = packedClose;
    packedClose = false;
    ByteBuf bytes = packAlone(message);
    if (packedClose) { // it has to be packed by the protocol of each connection
      message.setClosesConnections();
      ReferenceCountUtil.safeRelease(bytes);
      return null;
    }
    packedClose = before;
    return bytes;
  }

  @Override
  public final @Nullable ByteBuf packAlone(SharedMessage<O> message) {
    try {
      return pack(message.message());
    } catch (Throwable t) {
      undoPack();
      logPackFailure(message, t);
      return null;
    }
  }

  /** Returns the protocol's {@link Protocol#closesConnection}; logs a failure and returns false. */
  final boolean closesConnection(SharedMessage<O> message) {
    try {
      return protocol.closesConnection(message.message());
    } catch (Throwable t) {
      logPackFailure(message, t);
      return false;
    }
  }

  /** Returns whether one of the protocol's own methods, which may write, has not returned. */
  final boolean isInProtocolCall() {
    return inProtocolCall;
  }

  /** Returns whether that method packs a message. */
  final boolean isPacking() {
    return packing;
  }

  /** Returns whether only the rest of a message may be packed now. */
  final boolean isMidOutboundMessage() {
    try {
      return protocol.isMidOutboundMessage();
    } catch (Throwable t) {
      connection.fail(Kind.PROTOCOL_ERROR, t);
      return false;
    }
  }

  /** Returns whether a packed message has closed the connection, so that no other one follows. */
  final boolean hasPackedClose() {
    return packedClose;
  }

  @Override
  public final void logPackFailure(SharedMessage<O> message, Throwable why) {
    connection.config().errors().warning("cannot pack " + message, why);
  }

  /** Returns the protocol's {@link Protocol#encodingKey}; logs a failure and returns null. */
  final @Nullable Object encodingKey() {
    try {
      return protocol.encodingKey();
    } catch (Throwable t) {
      String subject = "the connection of " + connection.remoteAddress();
      connection.config().errors().warning("encoding key failed for " + subject, t);
      return null;
    }
  }
}
