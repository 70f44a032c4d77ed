package dev.jev;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * How the bytes of one connection become messages, and messages bytes.
 *
 * <p>There is one instance for each connection, so what has to be remembered between two reads
 * lives in fields. Unlike a Netty decoder a protocol neither loops, nor collects a list, nor
 * accumulates: it looks at the unread bytes and returns one message, or null. The framework owns
 * the loop, keeps the bytes that are left over, and puts all replies to one read into one write.
 *
 * <p><b>Threads.</b> All methods are called on the connection's event loop.
 *
 * <p><b>Datagrams.</b> A UDP socket has one instance for all its peers; each datagram is unpacked
 * alone and has to be exactly one message, see {@link Server.Builder#listen}. A protocol that
 * begins with a handshake does not work there.
 *
 * <p><b>Errors.</b> Bytes that break the protocol's rules are answered by throwing a {@link
 * ProtocolException}: what was sent before it still goes out, then the connection closes with
 * {@link CloseReason.Kind#PROTOCOL_ERROR}. Anything else that {@link #open} or {@link #unpack}
 * throws has the same effect; what {@link #pack} throws goes to the sender, see {@link
 * Connection#send}.
 *
 * @param <I> the messages that come in
 * @param <O> the messages that go out
 */
public interface Protocol<I, O> {

  /**
   * Called once when the connection exists, before any other method.
   *
   * <p>A protocol that begins with a handshake overrides this and calls {@link Wire#ready} when the
   * handshake is over; until then {@code unpack} must not return a message.
   */
  default void open(Wire wire) {
    wire.ready();
  }

  /**
   * Takes the next message off {@code in}, or returns null if it is not complete.
   *
   * <p>Called again with what is left after each message, and when more bytes have arrived after a
   * null. Bytes that were read from {@code in} stay consumed, also when null is returned; bytes
   * that were not are still there at the next call. A message must consume at least one byte,
   * unless it is an empty datagram.
   *
   * <p>A frame may be as long as {@link Wire#maxFrameBytes}: a protocol refuses a longer one as
   * soon as it knows the length, and the framework refuses to accumulate more than that for one
   * frame.
   *
   * <p><b>Ownership.</b> {@code in} belongs to the framework and is valid during the call. A
   * message that refers to it takes a reference of its own, as {@link ByteBuf#readRetainedSlice}
   * does; the framework releases that after {@link Handler#onMessage}.
   *
   * @throws ProtocolException if the bytes break the protocol's rules
   */
  @Nullable I unpack(Wire wire, ByteBuf in);

  /**
   * Appends the wire form of {@code message} to {@code out}, apart from its {@link #tail}.
   *
   * <p>Called for every message: should not allocate. What it has written when it throws is undone.
   *
   * <p><b>Ownership.</b> {@code message} is released by the framework afterwards if it is
   * reference-counted, and its indices should be left alone, since it may be sent again; {@code
   * out} is valid during the call and may hold earlier messages.
   *
   * @throws IllegalArgumentException if {@code message} cannot be packed
   */
  void pack(O message, ByteBuf out);

  /**
   * The end of {@code message} that may leave without being copied, or null (the default) if {@link
   * #pack} writes all of it.
   *
   * <p>Called right after {@code pack}. A long tail is written to the socket as it is, a short one
   * is appended to the other output.
   *
   * <p><b>Ownership.</b> The buffer stays the message's: the framework retains it if it needs it
   * longer than {@code message}.
   */
  default @Nullable ByteBuf tail(O message) {
    return null;
  }

  /**
   * Called once when the connection begins to close or is found closed; neither {@code unpack} nor
   * {@code pack} is called afterwards.
   *
   * <p>Releases what the instance holds. Unless the connection is lost already, or detached, what
   * it writes to {@code wire} is still sent: a last message of the protocol's own.
   */
  default void close(Wire wire, CloseReason reason) {}
}
