package dev.jev;

import io.netty.buffer.ByteBuf;
import java.util.function.Function;
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
   * Takes the next message off {@code in}, or returns null if it is not complete.
   *
   * <p>Called again with what is left after each message, and when more bytes have arrived after a
   * null. Bytes that were read from {@code in} stay consumed, also when null is returned; bytes
   * that were not are still there at the next call. A message must consume at least one byte,
   * unless it is an empty datagram or one of those that were {@link #pendingMessages}.
   *
   * <p>A frame may be as long as {@link ProtocolContext#maxFrameBytes}: a protocol refuses a longer
   * one as soon as it knows the length, and the framework refuses to accumulate more than that for
   * one frame.
   *
   * <p><b>Ownership.</b> {@code in} belongs to the framework and is valid during the call. A
   * message that refers to it takes a reference of its own, as {@link ByteBuf#readRetainedSlice}
   * does; the framework releases that after {@link Handler#onMessage}.
   *
   * @throws ProtocolException if the bytes break the protocol's rules
   */
  @Nullable I unpack(ProtocolContext context, ByteBuf in);

  /**
   * Appends the wire form of {@code message} to {@code out}, apart from its {@link #zeroCopyTail}.
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
   * Called once when the connection exists, before any other method.
   *
   * <p>A protocol that begins with a handshake overrides this and calls {@link
   * ProtocolContext#ready} when the handshake is over; until then {@code unpack} must not return a
   * message.
   */
  default void open(ProtocolContext context) {
    context.ready();
  }

  /**
   * Called once when the connection begins to close or is found closed; neither {@code unpack} nor
   * {@code pack} is called afterwards.
   *
   * <p>Releases what the instance holds. Unless the connection is lost already, or detached, what
   * it writes to {@code context} is still sent: a last message of the protocol's own.
   */
  default void close(ProtocolContext context, CloseReason reason) {}

  // Hooks for special protocols.

  /**
   * How many messages the protocol has made of consumed bytes and not returned yet; 0 by default.
   *
   * <p>For a protocol behind which stands a decoder that makes several messages at once, of a
   * compressed block for example. While it is positive, {@code unpack} is called also without
   * unread bytes, and returns one message each time, or null if it has dropped what was held. A
   * task of {@link ProtocolContext#runAfter} may leave some, too.
   */
  default int pendingMessages() {
    return 0;
  }

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
  default @Nullable ByteBuf zeroCopyTail(O message) {
    return null;
  }

  /**
   * What stands for the bytes that {@link #pack} and {@link #zeroCopyTail} make of a message:
   * connections whose protocols return equal objects make the same bytes of the same message, and
   * making them changes nothing in the protocol. So a message of a {@link Topic} is packed once for
   * all of them, by any of them. Null (the default) if it has to be packed for each connection.
   *
   * <p>Called for each delivery of a published message: should not allocate. It may change, to null
   * too: it is the answer for the next message to be packed.
   */
  default @Nullable Object encodingKey() {
    return null;
  }

  /**
   * Looks at what the peer still sends after {@link #close}, for a protocol in which both say
   * goodbye; returns whether it has, or true (the default) if that is not waited for.
   *
   * <p>Called right after {@code close}, also without unread bytes, and whenever more have come
   * until it returns true; bytes are consumed as in {@link #unpack}. Meanwhile what was written is
   * sent, but neither do plugins end the output nor is the socket's shut down, for at most the
   * {@code closeTimeout}. Not called if the connection is lost or detached; what it throws counts
   * as true.
   */
  default boolean awaitPeerClose(ProtocolContext context, ByteBuf in) {
    return true;
  }

  // Variants with other message types.

  /**
   * This protocol with other messages: what comes in goes through {@code decode}, what goes out
   * through {@code encode}.
   *
   * <p>Called for every message, on the event loop. What a function throws, or a null, becomes a
   * {@link ProtocolException} with that as its cause.
   *
   * <p><b>Ownership.</b> A reference-counted argument of {@code decode} is released afterwards,
   * unless it is the result; that of {@code encode} is left alone. A reference-counted result is
   * released by the framework; a buffer that refers to the argument takes a reference of its own,
   * as {@link ByteBuf#retainedSlice} does. What {@code encode} makes is copied on its way out.
   *
   * <p>Of a message that is published to a {@link Topic}, {@code encode} may be called once for all
   * connections that have the very same function.
   */
  default <A, B> Protocol<A, B> map(
      Function<? super I, ? extends A> decode, Function<? super B, ? extends O> encode) {
    return new MappedProtocol<>(this, decode, encode);
  }

  /** This protocol with other messages coming in, see {@link #map}. */
  default <A> Protocol<A, O> mapInbound(Function<? super I, ? extends A> decode) {
    return map(decode, Function.identity());
  }

  /** This protocol with other messages going out, see {@link #map}. */
  default <B> Protocol<I, B> mapOutbound(Function<? super B, ? extends O> encode) {
    return map(Function.identity(), encode);
  }
}
