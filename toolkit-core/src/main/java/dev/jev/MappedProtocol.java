package dev.jev;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.ReferenceCounted;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A protocol that converts the messages of another protocol, see {@link Protocol#map}. */
@SuppressWarnings("ReferenceEquality") // a function may return its own argument
final class MappedProtocol<A, B, I, O> implements Protocol<A, B> {

  private final Protocol<I, O> origin;
  private final Function<? super I, ? extends A> decode;
  private final Function<? super B, ? extends O> encode;

  private @Nullable ByteBuf tail; // set by pack, taken by zeroCopyTail
  private boolean undoable; // the latest message has reached the original protocol
  private @Nullable MappedKey sharedKey; // the latest encoding key

  MappedProtocol(
      Protocol<I, O> origin,
      Function<? super I, ? extends A> decode,
      Function<? super B, ? extends O> encode) {
    this.origin = origin;
    this.decode = requireNonNull(decode, "decode");
    this.encode = requireNonNull(encode, "encode");
  }

  /** Returns the simple name of the class of a protocol, or of the one that it converts. */
  static String nameOf(Protocol<?, ?> protocol) {
    return protocol instanceof MappedProtocol<?, ?, ?, ?> mapped
        ? nameOf(mapped.origin)
        : protocol.getClass().getSimpleName();
  }

  @Override
  public void open(ProtocolContext context) {
    origin.open(context);
  }

  @Override
  public @Nullable A unpack(ProtocolContext context, ByteBuf in) {
    I message = origin.unpack(context, in);
    if (message == null) {
      return null;
    }
    Object result = null;
    try {
      A decoded = apply(decode, message, "decoded message");
      result = decoded;
      return decoded;
    } finally {
      if (result != message) {
        ReferenceCountUtil.release(message);
      }
    }
  }

  @Override
  public int pendingMessages() {
    return origin.pendingMessages();
  }

  @Override
  public long heldBytes() {
    return origin.heldBytes();
  }

  @Override
  public long bufferedBytes() {
    return origin.bufferedBytes();
  }

  @Override
  public boolean isMidInboundMessage() {
    return origin.isMidInboundMessage();
  }

  @Override
  public void pack(B message, ByteBuf out) {
    undoable = false;
    O encoded = apply(encode, message, "encoded message");
    undoable = true;
    if (encoded == message || !(encoded instanceof ReferenceCounted)) {
      origin.pack(encoded, out);
      tail = origin.zeroCopyTail(encoded);
      return;
    }
    try {
      origin.pack(encoded, out);
      ByteBuf end = origin.zeroCopyTail(encoded);
      if (end != null) {
        int length = end.readableBytes();
        end.getBytes(end.readerIndex(), out.ensureWritable(length), length);
      }
    } finally {
      ReferenceCountUtil.release(encoded);
    }
  }

  @Override
  public @Nullable ByteBuf zeroCopyTail(B message) {
    ByteBuf end = tail;
    tail = null;
    return end;
  }

  @Override
  public @Nullable Object encodingKey() {
    Object inner = origin.encodingKey();
    if (inner == null || encode == Function.identity()) {
      return inner;
    }
    if (sharedKey == null || !sharedKey.origin.equals(inner)) {
      sharedKey = new MappedKey(inner, encode);
    }
    return sharedKey;
  }

  @Override
  public boolean closesConnection(B message) {
    O encoded = apply(encode, message, "encoded message");
    try {
      return origin.closesConnection(encoded);
    } finally {
      if (encoded != message) {
        ReferenceCountUtil.release(encoded);
      }
    }
  }

  @Override
  public boolean isMidOutboundMessage() {
    return origin.isMidOutboundMessage();
  }

  @Override
  public void undoPack() {
    tail = null;
    if (undoable) {
      origin.undoPack();
    }
  }

  @Override
  public void close(ProtocolContext context, CloseReason reason) {
    origin.close(context, reason);
  }

  @Override
  public boolean awaitPeerClose(ProtocolContext context, ByteBuf in) {
    return origin.awaitPeerClose(context, in);
  }

  private static <T, R> R apply(
      Function<? super T, ? extends R> function, T message, String subject) {
    R result;
    try {
      result = function.apply(message);
    } catch (ProtocolException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new ProtocolException(
          subject + ": " + e.getClass().getName() + " was thrown (expected: a message)", e);
    }
    if (result == null) {
      throw new ProtocolException(subject + ": null (expected: a message)");
    }
    return result;
  }

  /** An encoding key: the key of the original protocol and the mapping function. */
  private record MappedKey(Object origin, Function<?, ?> encode) {}
}
