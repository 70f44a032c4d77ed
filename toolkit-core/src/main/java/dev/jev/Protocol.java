package dev.jev;

import io.netty.buffer.ByteBuf;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Converts between the bytes of one connection and its messages.
 *
 * <p>There is one instance per connection, so state that must survive between two reads lives in
 * fields. Unlike a Netty decoder, a protocol does not loop, collect a list of messages or
 * accumulate bytes: it reads from the unread bytes and returns one message, or null. The framework
 * owns the loop, keeps the remaining bytes, and combines all replies to one read into one write.
 *
 * <p>Most protocols implement only {@link #unpack} and {@link #pack}.
 *
 * <p><b>Threads.</b> All methods are called on the connection's event loop.
 *
 * <p><b>Datagrams.</b> A UDP socket has one instance for all its peers. Each datagram is unpacked
 * on its own and must contain exactly one message, see {@link Server.Builder#listen}. A protocol
 * that begins with a handshake does not work there.
 *
 * <p><b>Errors.</b> A protocol reports bytes that violate its rules by throwing a {@link
 * ProtocolException}. Everything sent before is still written, then the connection closes with
 * {@link CloseReason.Kind#PROTOCOL_ERROR}. Any other exception from {@link #open} or {@link
 * #unpack} has the same effect. An exception from {@link #pack} is passed to the sender, see {@link
 * Connection#send}.
 *
 * @param <I> the type of the inbound messages
 * @param <O> the type of the outbound messages
 */
public interface Protocol<I, O> {

  /**
   * Reads the next message from {@code in}, or returns null if it is not complete.
   *
   * <p>Called again with the remaining bytes after each message, and with more bytes after a null.
   * Before {@link ProtocolContext#ready}, a null that has consumed bytes counts as a message, so
   * that back-pressure works between the steps of a handshake, too. Bytes that were read from
   * {@code in} stay consumed, even if null is returned; unread bytes are still there at the next
   * call. A message must consume at least one byte, unless it is an empty datagram or one of the
   * {@link #pendingMessages}.
   *
   * <p>A frame may be as long as {@link ProtocolContext#maxFrameBytes}. A protocol refuses a longer
   * frame as soon as it knows the length; the framework does not accumulate more than that for one
   * frame.
   *
   * <p><b>Ownership.</b> {@code in} belongs to the framework and is valid during the call only. A
   * message that refers to it holds a reference of its own, as {@link ByteBuf#readRetainedSlice}
   * does; the framework releases that reference after {@link Handler#onMessage}.
   *
   * @throws ProtocolException if the bytes violate the protocol's rules
   */
  @Nullable I unpack(ProtocolContext context, ByteBuf in);

  /**
   * Appends the encoded form of {@code message} to {@code out}, without its {@link #zeroCopyTail}.
   *
   * <p>Called for every message, and should not allocate. If it throws, the bytes that it has
   * written are removed again.
   *
   * <p><b>Ownership.</b> The framework releases a reference-counted {@code message} afterwards. Its
   * indices should not be changed, since it may be sent again. {@code out} is valid during the call
   * only and may contain earlier messages.
   *
   * @throws IllegalArgumentException if {@code message} cannot be packed
   */
  void pack(O message, ByteBuf out);

  /**
   * Called once, when the connection has been created, before any other method.
   *
   * <p>A protocol that begins with a handshake overrides this method and calls {@link
   * ProtocolContext#ready} when the handshake is complete. Until then {@code unpack} must not
   * return a message.
   */
  default void open(ProtocolContext context) {
    context.ready();
  }

  /**
   * Called once when the connection begins to close or is found closed; neither {@code unpack} nor
   * {@code pack} is called afterwards.
   *
   * <p>Releases the resources of this instance. Bytes written to {@code context} are still sent,
   * for example a close frame, unless the connection is already lost or detached.
   */
  default void close(ProtocolContext context, CloseReason reason) {}

  // Hooks for special protocols: batch decoders, parts, zero copy, topics, closing handshakes.

  /**
   * Returns the number of messages that the protocol has decoded from consumed bytes and not
   * returned yet, or an upper bound of it; 0 by default.
   *
   * <p>Overridden by a protocol on top of a decoder that produces several messages at once, for
   * example from a compressed block. While the number is positive, {@code unpack} is called even
   * without unread bytes, and returns one message per call, or null if it has dropped the pending
   * messages. Either way the number falls. A task of {@link ProtocolContext#runAfter} may add
   * pending messages, too. During a handshake the number may be that of the parts of a response
   * that are still to be written.
   */
  default int pendingMessages() {
    return 0;
  }

  /**
   * Returns the number of bytes that the protocol holds for a message that is not complete; 0 by
   * default. Unread bytes do not count, nor do {@link #pendingMessages}.
   *
   * <p>Overridden by a protocol that consumes a message piece by piece. The number is positive from
   * the first consumed byte of a message until the message is complete. It is the number of bytes
   * consumed, or the present size of what was made of them, if that differs.
   *
   * <p>Called after each read, and should not allocate. While bytes are held or unread, the
   * connection's {@link Server.Builder#frameTimeout} runs.
   */
  default long heldBytes() {
    return 0;
  }

  /**
   * Returns the number of bytes of memory that input of the peer occupies in the protocol: what is
   * held for a message that is not complete, {@link #pendingMessages}, and what later messages may
   * refer to, such as a window of decompression; {@link #heldBytes} by default. Unread bytes do not
   * count, nor does what every connection has, whatever it receives.
   *
   * <p>Overridden by a protocol that occupies more memory than it holds bytes. A buffer counts with
   * its capacity, an object with an estimate.
   *
   * <p>Called after each read if the buffered bytes of all connections are limited, and should not
   * allocate.
   */
  default long bufferedBytes() {
    return heldBytes();
  }

  /**
   * Returns whether the message that was returned last is a part of a longer one, which continues;
   * false by default.
   *
   * <p>Overridden by a protocol that delivers messages in parts. The {@link
   * Server.Builder#frameTimeout} then applies to the whole message.
   */
  default boolean isMidInboundMessage() {
    return false;
  }

  /**
   * Returns the end of {@code message} that may be written without copying, or null (the default)
   * if {@link #pack} writes the whole message.
   *
   * <p>Called right after {@code pack}. A long tail is written to the socket as it is; a short one
   * is copied after the other output.
   *
   * <p><b>Ownership.</b> The buffer remains the message's. The framework retains it if it needs the
   * buffer longer than {@code message}.
   */
  default @Nullable ByteBuf zeroCopyTail(O message) {
    return null;
  }

  /**
   * Returns a key that identifies the encoding of outbound messages, or null (the default) if a
   * message must be packed for each connection.
   *
   * <p>Protocols that return equal keys produce the same bytes for the same message, in {@link
   * #pack} and {@link #zeroCopyTail}, and producing them does not change the state of the protocol.
   * A message of a {@link Topic} is then packed once for all these connections, by any of their
   * protocols.
   *
   * <p>Called for each delivery of a published message, and should not allocate. The key may
   * change, also to null: it applies to the next message to be packed. An exception is logged and
   * counts as null. If keys cannot be compared, that is logged and the message is dropped.
   */
  default @Nullable Object encodingKey() {
    return null;
  }

  /**
   * Returns whether {@code message} closes the connection when it is packed, such as a close frame;
   * false by default.
   *
   * <p>Called for a message that is published to a {@link Topic} and would have to be queued for a
   * slow subscriber. If the result is true, it is packed at once, behind everything that is queued,
   * and cannot be dropped.
   */
  default boolean closesConnection(O message) {
    return false;
  }

  /**
   * Returns whether the message that was packed last is a part of a longer one, which continues;
   * false by default. Messages that are published to a {@link Topic} wait until the last part is
   * packed, or until their {@link SlowConsumer} drops them.
   */
  default boolean isMidOutboundMessage() {
    return false;
  }

  /**
   * Undoes the effect of the latest {@link #pack} on the state of the protocol, since its bytes are
   * not sent; does nothing by default.
   *
   * <p>Called if {@code pack} or {@link #zeroCopyTail} has thrown an exception, or what follows
   * them: the release of the message, or the allocation of memory. Overridden by a protocol whose
   * bytes depend on the messages before, as with compression.
   */
  default void undoPack() {}

  /**
   * Reads what the peer still sends after {@link #close}, for a protocol with a closing handshake.
   *
   * <p>Called right after {@code close}, even without unread bytes, and again whenever more bytes
   * have arrived, until it returns true; bytes are consumed as in {@link #unpack}. Meanwhile the
   * written bytes are sent, but plugins do not end the output and the socket's output is not shut
   * down. The wait ends after the {@code closeTimeout} at the latest. Not called if the connection
   * is lost or detached. An exception counts as true.
   *
   * @return true if the peer has completed its side of the handshake, or if the protocol does not
   *     wait for it (the default)
   */
  default boolean awaitPeerClose(ProtocolContext context, ByteBuf in) {
    return true;
  }

  // Variants with other message types.

  /**
   * Returns this protocol with other message types: {@code decode} converts inbound messages,
   * {@code encode} converts outbound ones.
   *
   * <p>Both functions are called per message, on the event loop. A {@link ProtocolException} that a
   * function throws is passed on. Any other {@code RuntimeException} becomes the cause of a {@code
   * ProtocolException}. A null result is a {@code ProtocolException}, too.
   *
   * <p><b>Ownership.</b> A reference-counted argument of {@code decode} is released afterwards,
   * unless it is the result; an argument of {@code encode} is left alone. A reference-counted
   * result is released by the framework; a buffer that refers to the argument must hold a reference
   * of its own, as {@link ByteBuf#retainedSlice} does. A reference-counted result of {@code encode}
   * is copied when it is packed.
   *
   * <p>For a message that is published to a {@link Topic}, {@code encode} may be called once for
   * all connections that use the very same function object. The factory {@code
   * dev.jev.codec.Protocols.mapped} uses the same one for all connections, also if it is a lambda
   * that uses variables.
   */
  default <A, B> Protocol<A, B> map(
      Function<? super I, ? extends A> decode, Function<? super B, ? extends O> encode) {
    return new MappedProtocol<>(this, decode, encode);
  }

  /** Returns this protocol with another type of inbound messages, see {@link #map}. */
  default <A> Protocol<A, O> mapInbound(Function<? super I, ? extends A> decode) {
    return map(decode, Function.identity());
  }

  /** Returns this protocol with another type of outbound messages, see {@link #map}. */
  default <B> Protocol<I, B> mapOutbound(Function<? super B, ? extends O> encode) {
    return map(Function.identity(), encode);
  }
}
